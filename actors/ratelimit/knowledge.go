package ratelimit

import (
	"sync/atomic"
	"time"
)

// trust is how long a node goes by what it was told, before it asks again: a ban may have
// been lifted.
const trust = time.Second

// A knowledge is what a node knows of a key for a while. Its actor makes it; whoever
// consumes may read it. Only the lease changes. Times are on the node's own clock, which
// does not jump.
//
// Everything counts from before the Store was asked, so more time has passed here than
// there: what is refused the Store would refuse too, and what is leased has not ended.
type knowledge struct {
	sent    int64
	until   int64 // not to be believed from then on
	grant   Grant
	terms   Terms
	refuses bool // the Store need not hear of refusals: there is nothing to block
	lease   lease
}

// A lease is points that the Store has given away already.
type lease struct {
	left  atomic.Int64
	until int64
}

// take takes points off the lease. It looks at the clock last, so that what it took
// counts before the lease's end.
func (l *lease) take(cost int, clock func() int64) (left int, ok bool) {
	for {
		have := l.left.Load()
		if have < int64(cost) {
			return 0, false
		}
		if l.left.CompareAndSwap(have, have-int64(cost)) {
			return int(have) - cost, clock() < l.until
		}
	}
}

// drain ends the lease and returns what was left of it.
func (l *lease) drain(now int64) int {
	left := l.left.Swap(0)
	if now >= l.until {
		return 0
	}
	return int(left)
}

// learn makes a knowledge of the last answer of the Store. held are points of an older
// lease, which ends at heldUntil.
func learn(o outcome, p *Policy, t Terms, held int, heldUntil int64) *knowledge {
	g := o.grants[len(o.grants)-1]
	k := &knowledge{sent: o.sent, until: o.sent + int64(trust), grant: g, terms: t, refuses: g.Blocked || p.Block == 0}
	switch end := o.sent + int64(g.LeaseFor); {
	case g.Leased == 0:
		k.lease.until = heldUntil
	case held == 0:
		k.lease.until = end
	default:
		k.lease.until = min(end, heldUntil)
	}
	k.lease.left.Store(int64(g.Leased + held))
	return k
}

// refuse tells whether the key has too few points for certain, and what to answer then.
func (k *knowledge) refuse(cost int, now int64) (Result, bool) {
	if !k.refuses || now >= k.until {
		return Result{}, false
	}
	wait := k.sent + 1000*waitFor(cost, &k.grant, k.terms) - now
	if wait <= 0 {
		return Result{}, false
	}
	return Result{
		Remaining: k.remaining(now),
		Reset:     max(time.Duration(k.sent-now)+k.grant.Reset, 0),
		Retry:     time.Duration(wait),
		Blocked:   k.grant.Blocked,
	}, true
}

// remaining is how many points there can be now.
func (k *knowledge) remaining(now int64) int {
	n := k.grant.Remaining
	since := (now-k.sent)/1000 - k.grant.Next.Microseconds()
	if k.terms.Kind == Bucket && !k.grant.Blocked && since >= 0 && int64(n) < k.terms.Points {
		n += 1 + int(since*k.terms.Rate/k.terms.Token)
	}
	return min(n, int(k.terms.Points))
}
