package ratelimit

import (
	"sync/atomic"

	"github.com/troupe-rt/troupe/actors"
)

// maxRun bounds the wants of one key in one call of the Store.
const maxRun = 64

// A take is consumes of one key that go to the Store together, and then an event: what became of them.
type take struct {
	limit string
	wants []Want
	calls []*consume // in the order of wants, Count of each; of one that only looks, one
	since int64      // when it was made

	from    actors.Ref[message]
	dropped atomic.Bool // answered without the actor
	outcome

	firstWant [1]Want
	firstCall [1]*consume
}

// An outcome is what the Store answered. sent is before it decided.
type outcome struct {
	grants []Grant
	sent   int64
	err    error
}

func newTake(limit string, from actors.Ref[message], since int64) *take {
	t := &take{limit: limit, from: from, since: since}
	t.wants, t.calls = t.firstWant[:0], t.firstCall[:0]
	return t
}

// add files a consume behind the others, or returns false: there are enough.
func (t *take) add(key string, m *consume) bool {
	last := len(t.wants) - 1
	switch {
	case m.cost > 0 && last >= 0 && t.wants[last].Cost == m.cost:
		t.wants[last].Count++
	case last+1 == maxRun:
		return false
	default:
		t.wants = append(t.wants, Want{Key: key, Cost: m.cost, Count: min(m.cost, 1)})
	}
	t.calls = append(t.calls, m)
	return true
}

// fits reports whether the grants can be the answer.
func (t *take) fits() bool {
	if len(t.grants) != len(t.wants) {
		return false
	}
	for i, g := range t.grants {
		w := t.wants[i]
		if g.Allowed < 0 || g.Allowed > w.Count || g.Leased < 0 || g.Leased > w.Ahead || g.Remaining < 0 ||
			g.Next < 0 || g.Reset < 0 || g.LeaseFor < 0 {
			return false
		}
	}
	return true
}

// check makes an answer that can not be an error.
func (t *take) check() {
	if t.err == nil && !t.fits() {
		t.err = errAnswer
	}
}

// finish answers every caller. held are points that the node has leased.
func (t *take) finish(lim *limit, held int) {
	if t.check(); t.err != nil {
		t.fail(refusal(t.limit, t.err))
		return
	}
	lim.metrics.took(t.wants, t.grants)
	calls := t.calls
	for i := range t.grants {
		n := max(t.wants[i].Count, 1)
		for j, m := range calls[:n] {
			m.answer(t.wants[i].result(j, &t.grants[i], lim.terms, held), nil)
		}
		calls = calls[n:]
	}
}

// result is what the consume in place i of a run is told.
func (w *Want) result(i int, g *Grant, t Terms, held int) Result {
	r := Result{Reset: g.Reset}
	switch {
	case i < g.Allowed:
		r.Allowed = true
		r.Remaining = g.Remaining + held + (g.Allowed-1-i)*w.Cost
	case g.Blocked:
		r.Blocked = true
	default:
		r.Remaining = g.Remaining + held
		r.Allowed = w.Count == 0 && r.Remaining > 0
	}
	if !r.Allowed {
		r.Retry = lasting(waitFor(max(w.Cost, 1), g, t))
	}
	return r
}

func (t *take) fail(err error) {
	for _, m := range t.calls {
		m.answer(Result{}, err)
	}
}

// waitFor is how many microseconds after a Grant so many points can be there at the
// earliest.
func waitFor(cost int, g *Grant, t Terms) int64 {
	switch {
	case g.Blocked:
		return g.Next.Microseconds()
	case cost <= g.Remaining:
		return 0
	}
	wait := g.Next.Microseconds()
	if t.Kind == Bucket {
		wait += int64(cost-g.Remaining-1) * t.Token / t.Rate
	}
	return wait
}
