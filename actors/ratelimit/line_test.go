package ratelimit

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// one is a store that allows everything.
type one struct{ Store }

func (one) Place(Policy, string) int { return 0 }

func (one) Take(_ context.Context, _ Policy, batch []Want) ([]Grant, error) {
	grants := make([]Grant, len(batch))
	for i, w := range batch {
		grants[i] = Grant{Allowed: w.Count, Remaining: 1, Next: time.Second, Reset: time.Second}
	}
	return grants, nil
}

// An answer that the key's actor does not take reaches the callers, and the actor goes on.
func TestAnswerThatIsNotTaken(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	l, err := Start(Config{System: system, Store: one{}, Policies: []Policy{{Name: "limit", Points: 5, Interval: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = l.Close(context.Background())
		_ = system.Close(context.Background())
	}()
	lim := l.limits["limit"]
	a := &actor{l: l, lim: lim, key: "k", face: &face{}} // its Ref takes nothing
	calls := make([]*consume, 2)
	for i := range calls {
		calls[i] = &consume{limit: "limit", cost: 1}
		calls[i].wake = make(chan struct{}, 1)
		a.onConsume(calls[i])
		a.Flush(nil)
		if r, err := l.spares.wait(context.Background(), &calls[i].call, time.Minute); err != nil || !r.Allowed {
			t.Errorf("%d: %+v, %v", i, r, err)
		}
		for !a.taking.dropped.Load() { // told before that
			<-time.After(time.Millisecond)
		}
	}
	a.Flush(nil)
	if !a.MayPassivate() {
		t.Error("the actor waits for an answer that it was given")
	}
}
