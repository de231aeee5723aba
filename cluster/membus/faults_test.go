package membus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
)

// sink remembers frames and restorations in the order in which they came.
type sink struct {
	mu  sync.Mutex
	saw []string
}

func (s *sink) Received(_ string, frame []byte) { s.add(string(frame)) }

func (s *sink) Restored(_ string, since time.Time) {
	s.add(fmt.Sprintf("restored since -%v", time.Since(since)))
}

func (s *sink) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw = append(s.saw, what)
}

func (s *sink) want(t *testing.T, what ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.saw, what) {
		t.Errorf("saw %q, want %q", s.saw, what)
	}
	s.saw = nil
}

// inBubble runs f with two nodes, of which b follows room.
func inBubble(t *testing.T, f func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New()
		defer bus.Close()
		b := &sink{}
		if err := bus.Node("b").Follow(t.Context(), "room", b); err != nil {
			t.Fatal(err)
		}
		f(t, bus, bus.Node("a"), b)
	})
}

func publish(t *testing.T, n *membus.Node, frames ...string) {
	t.Helper()
	for _, frame := range frames {
		if err := n.Publish(t.Context(), "room", []byte(frame)); err != nil {
			t.Error(err)
		}
	}
}

func TestPlain(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *membus.Bus, a *membus.Node, b *sink) {
		publish(t, a, "1", "2", "3")
		b.want(t, "1", "2", "3") // when Publish returns they are there
	})
}

func TestDelayKeepsOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		bus.SetFaults(membus.Faults{Seed: 1, Delay: time.Second, Jitter: time.Second})
		var frames []string
		for i := range 50 {
			frames = append(frames, fmt.Sprint(i))
		}
		publish(t, a, frames...)
		time.Sleep(time.Second - 1)
		synctest.Wait()
		b.want(t)
		time.Sleep(time.Second + 1)
		synctest.Wait()
		b.want(t, frames...)
	})
}

func TestReorder(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		bus.SetFaults(membus.Faults{Seed: 1, Jitter: time.Second, Reorder: true})
		var frames []string
		for i := range 50 {
			frames = append(frames, fmt.Sprintf("%02d", i))
		}
		publish(t, a, frames...)
		time.Sleep(time.Second)
		synctest.Wait()
		if slices.Equal(b.saw, frames) {
			t.Error("frames kept their order")
		}
		slices.Sort(b.saw)
		b.want(t, frames...)
	})
}

func TestFaultsRepeat(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		run := func(seed uint64) []string {
			bus.SetFaults(membus.Faults{Seed: seed, Drop: 0.2, Duplicate: 0.2, Jitter: time.Second, Reorder: true})
			for i := range 200 {
				publish(t, a, fmt.Sprint(i))
			}
			time.Sleep(time.Second)
			synctest.Wait()
			saw := b.saw
			b.saw = nil
			return saw
		}
		first, second, other := run(7), run(7), run(8)
		if !slices.Equal(first, second) || slices.Equal(first, other) {
			t.Error("the seed does not decide")
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(first)))
		if n, twice := len(distinct), len(first)-len(distinct); n < 130 || n > 180 || twice < 15 || twice > 60 {
			t.Errorf("of 200 frames %d came, %d of them twice", n, twice)
		}
	})
}

func TestDisconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		bus.Disconnect("b")
		if err := bus.Node("b").Publish(t.Context(), "room", nil); !errors.Is(err, membus.ErrDisconnected) {
			t.Errorf("Publish: %v", err)
		}
		publish(t, a, "lost")
		time.Sleep(time.Minute)
		bus.Reconnect("b")
		publish(t, a, "after")
		b.want(t, "restored since -1m0s", "after")

		// What is on its way when the connection breaks is lost, and told.
		bus.SetFaults(membus.Faults{Delay: 3 * time.Second})
		publish(t, a, "on its way")
		time.Sleep(time.Second)
		bus.Disconnect("b")
		bus.Disconnect("b")
		time.Sleep(time.Second)
		bus.Reconnect("b")
		bus.Reconnect("b")
		b.want(t, "restored since -2s")
	})
}

func TestPartition(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		c := &sink{}
		if err := bus.Node("c").Follow(t.Context(), "room", c); err != nil {
			t.Fatal(err)
		}
		bus.Partition([]string{"a"}, []string{"b"})
		publish(t, a, "1")
		publish(t, bus.Node("c"), "2")
		time.Sleep(time.Minute)
		bus.Heal()
		bus.Heal()
		publish(t, a, "3")
		b.want(t, "2", "restored since -1m0s", "3")
		c.want(t, "1", "2", "3")
	})
}

func TestFail(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		down := errors.New("down")
		bus.Fail(down)
		if err := a.Publish(t.Context(), "room", nil); !errors.Is(err, down) {
			t.Errorf("Publish: %v", err)
		}
		if err := a.Follow(t.Context(), "room", b); !errors.Is(err, down) {
			t.Errorf("Follow: %v", err)
		}
		bus.Fail(nil)
		publish(t, a, "up")
		b.want(t, "up")
	})
}

// TestClose would end in a deadlock of the bubble if a Follow or a timer were left.
func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		bus.SetFaults(membus.Faults{Delay: time.Second})
		publish(t, a, "late")
		bus.Disconnect("c")
		waiting := make(chan error, 1)
		go func() { waiting <- bus.Node("c").Follow(context.Background(), "room", b) }()
		synctest.Wait()
		bus.Close()
		if err := <-waiting; !errors.Is(err, membus.ErrClosed) {
			t.Errorf("Follow: %v", err)
		}
		time.Sleep(time.Minute)
		b.want(t)
		if err := a.Publish(t.Context(), "room", nil); !errors.Is(err, membus.ErrClosed) {
			t.Errorf("Publish: %v", err)
		}
	})
}

// TestSinkPublishes would hang if a Sink were called with a lock held.
func TestSinkPublishes(t *testing.T) {
	inBubble(t, func(t *testing.T, bus *membus.Bus, a *membus.Node, b *sink) {
		echo := echo{to: a}
		if err := bus.Node("c").Follow(t.Context(), "question", echo); err != nil {
			t.Fatal(err)
		}
		if err := a.Publish(t.Context(), "question", []byte("who?")); err != nil {
			t.Fatal(err)
		}
		b.want(t, "who?")
	})
}

type echo struct{ to *membus.Node }

func (e echo) Received(_ string, frame []byte) {
	_ = e.to.Publish(context.Background(), "room", frame)
}
func (e echo) Restored(string, time.Time) {}
