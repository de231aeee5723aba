package presence_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// A taker keeps the state that it is given.
type taker struct {
	mu    sync.Mutex
	given []*topic.Batch
}

func (*taker) Deliver(string, *topic.Batch) {}
func (*taker) Left(string, any)             {}
func (*taker) Closed(string, error)         {}

func (k *taker) Joined(_ string, _ any, j topic.Joined) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.given = append(k.given, j.Missed)
}

// TestLargeRoom is PRE-35: in a room of 10,000 a join is one call of the store with one
// change, and those who join at once share one state.
func TestLargeRoom(t *testing.T) {
	t.Parallel()
	bubble(t, 1, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		room := presence.Of[struct{}](a.Presence, "room")
		var wg sync.WaitGroup
		for w := range 100 {
			wg.Go(func() {
				for i := range 100 {
					if _, err := room.Join(t.Context(), fmt.Sprintf("u%d-%d", w, i), struct{}{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		before, k := a.store.count(), &taker{}
		for i := range 50 {
			err := a.Enter("room", presence.Attendee{Outlet: k, Receiver: i, Identity: fmt.Sprint("late", i)})
			if err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if calls := a.store.count() - before; calls > 10 {
			t.Errorf("%d calls for 50 joins", calls)
		}
		states := map[*topic.Batch]bool{}
		for _, b := range k.given {
			states[b] = true
		}
		if len(k.given) != 50 || len(states) > 10 {
			t.Errorf("%d were given %d states", len(k.given), len(states))
		}
		if n, err := a.Count(t.Context(), "room"); n != 10_050 || err != nil {
			t.Errorf("%d are there, %v", n, err)
		}
	})
}
