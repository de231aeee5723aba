package group_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// TestMany is GRP-18: a group of 10,000, of whom half are on either node.
func TestMany(t *testing.T) {
	t.Parallel()
	const bound = 10_000
	limited := policies(group.Policy{MaxMembers: bound})
	t.Run("GRP-18 in memory", func(t *testing.T) {
		t.Parallel()
		inMemory(2)(t, func(w *world) { many(w, bound) }, limited)
	})
	t.Run("GRP-18 on Redis", func(t *testing.T) {
		t.Parallel()
		many(onRedis(t, redistest.Start(t).URL(), 2, limited), bound)
	})
}

func many(w *world, bound int) {
	const more = 100
	seats := make([]*group.Seat, bound+more)
	var refused atomic.Int64
	parallel(len(seats), func(i int) {
		seat, err := w.nodes[i%2].Join(w.Context(), "g", group.Joiner{Identity: fmt.Sprintf("user-%05d", i)})
		switch {
		case errors.Is(err, group.ErrFull):
			refused.Add(1)
		case err != nil:
			w.Error(err)
		}
		seats[i] = seat
	})
	if n := refused.Load(); n != more {
		w.Errorf("%d were refused", n)
	}
	w.count("g", bound)
	parallel(100, func(i int) {
		if seats[i] != nil {
			_ = seats[i].Leave()
			seats[i] = nil
		}
	})
	seats = slices.DeleteFunc(seats, func(s *group.Seat) bool { return s == nil })
	w.count("g", len(seats))
	ann := w.last().join(w, "g", "ann", "")
	w.count("g", len(seats)+1)
	if in := known(nil, ann.heard()); len(in) != len(seats)+1 {
		w.Errorf("a joiner knows %d", len(in))
	}
	ann.forget()
	bob := w.first().join(w, "g", "bob", "")
	ann.hears(w, fmt.Sprintf("join bob member %d", len(seats)+2))
	bob.forget()
	ann.forget()
	parallel(len(seats), func(i int) { _ = seats[i].Leave() })
	w.count("g", 2)
	for _, c := range []*client{ann, bob} { // each hears each leave once
		words := c.heard()
		left := map[string]bool{}
		for _, word := range words {
			if f := strings.Fields(word); f[0] == "leave" {
				left[f[1]] = true
			}
		}
		if len(left) != len(seats) || len(words) != len(seats) {
			w.Errorf("%s heard %d of %d leave, in %d words", c.identity, len(left), len(seats), len(words))
		}
	}
}

// parallel runs f for 0 to n-1 on 100 goroutines.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for k := range 100 {
		wg.Go(func() {
			for i := k; i < n; i += 100 {
				f(i)
			}
		})
	}
	wg.Wait()
}
