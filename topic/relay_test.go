package topic_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// wire is a Relay between the nodes of a test. Faults says what becomes of a
// frame: how many copies arrive, and when.
type wire struct {
	node   string
	shared *wires
}

type wires struct {
	mu     sync.Mutex
	follow map[string]map[string]topic.Sink // by topic, by node
	faults func() []time.Duration
	fail   error
	sent   int
}

func newWires() *wires { return &wires{follow: map[string]map[string]topic.Sink{}} }

func (w *wire) Publish(_ context.Context, name string, frame []byte) error {
	s := w.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.sent++
	delays := []time.Duration{0}
	if s.faults != nil {
		delays = s.faults()
	}
	for node, to := range s.follow[name] {
		for _, d := range delays {
			if node != w.node {
				time.AfterFunc(d, func() { to.Received(name, frame) })
			}
		}
	}
	return nil
}

func (w *wire) Follow(_ context.Context, name string, to topic.Sink) error {
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	if w.shared.fail != nil {
		return w.shared.fail
	}
	if w.shared.follow[name] == nil {
		w.shared.follow[name] = map[string]topic.Sink{}
	}
	w.shared.follow[name][w.node] = to
	return nil
}

func (w *wire) Unfollow(name string) {
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	delete(w.shared.follow[name], w.node)
}

func (s *wires) set(f func(*wires)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *wires) following(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.follow[name])
}

func pair(t *testing.T, policy topic.Policy) (a, b *topic.Topics, w *wires) {
	w = newWires()
	log := &remote{Log: memory(t), delay: time.Millisecond}
	on := func(node string) *topic.Topics {
		return start(t, topic.Config{Log: log, Node: node, Relay: &wire{node, w}, Policies: []topic.Policy{policy}})
	}
	return on("a"), on("b"), w
}

// BUS-01, BUS-02, REP-25: two nodes publish at once, each receiver sees one order.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, topic.Policy{History: 10_000})
		ra, rb := subscribe(t, a, "chat", nil), subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for _, topics := range []*topic.Topics{a, b} {
			for range 4 {
				wg.Go(func() {
					for range 50 {
						publish(t, topics, "chat", "1")
					}
				})
			}
		}
		wg.Wait()
		time.Sleep(time.Second)
		want := make([]uint64, 400)
		for i := range want {
			want[i] = uint64(i) + 1
		}
		if !slices.Equal(ra.numbers(), want) || !slices.Equal(rb.numbers(), want) {
			t.Errorf("a heard %s\nb heard %s", ra.heard(), rb.heard())
		}
	})
}

// Frames that are lost, doubled, late and out of order leave no hole and no
// double: what is missing comes from the Log.
func TestRelayFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: 10_000})
		rng, pace := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4))
		w.faults = func() (delays []time.Duration) {
			for range rng.IntN(3) { // none, one, two copies
				delays = append(delays, time.Duration(rng.IntN(200))*time.Millisecond)
			}
			return delays
		}
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		for range 300 {
			publish(t, a, "chat", "1")
			time.Sleep(time.Duration(pace.IntN(20)) * time.Millisecond)
		}
		w.set(func(w *wires) { w.faults = nil })
		publish(t, a, "chat", "1")
		time.Sleep(10 * time.Second)
		got := rb.numbers()
		for i, seq := range got {
			if seq != uint64(i)+1 {
				t.Fatalf("number %d at place %d: %s", seq, i, rb.heard())
			}
		}
		if len(got) != 301 {
			t.Errorf("%d of 301 arrived", len(got))
		}
	})
}

// What the Log has not kept either is announced in its place.
func TestRelayLossAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: 2})
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.faults = func() []time.Duration { return nil } })
		for range 5 {
			publish(t, a, "chat", "1")
		}
		w.set(func(w *wires) { w.faults = nil })
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		if rb.heard() != "joined@0 1 T(1,6) 6 7" {
			t.Errorf("heard %s", rb.heard())
		}
	})
}

func TestStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.faults = func() []time.Duration { return nil } })
		publish(t, a, "chat", "2")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.faults = func() []time.Duration { return []time.Duration{0, time.Millisecond} } })
		publish(t, a, "chat", "3")
		time.Sleep(time.Second) // frames under way at once may overtake each other
		publish(t, a, "chat", "4")
		time.Sleep(time.Second)
		if rb.heard() != "joined@0 1 stale 3 4" {
			t.Errorf("heard %s", rb.heard())
		}
	})
}

// A node hears only of topics that it has receivers for (SHD-01, SHD-02).
func TestInterest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{})
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		if w.following("chat") != 0 {
			t.Error("followed without receivers")
		}
		r1, r2 := subscribe(t, b, "chat", nil), subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		if w.following("chat") != 1 {
			t.Error("not followed")
		}
		_ = b.Unsubscribe("chat", r1, r1)
		time.Sleep(time.Second)
		if w.following("chat") != 1 {
			t.Error("one receiver is left")
		}
		_ = b.Unsubscribe("chat", r2, r2)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		if w.following("chat") != 0 {
			t.Error("still followed")
		}
		r3 := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		if r3.heard() != "joined@2 3" {
			t.Errorf("heard %s", r3.heard())
		}
	})
}

// Live publishing goes on while the relay is down, and others are told after.
func TestRelayFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		ra, rb := subscribe(t, a, "chat", nil), subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.fail = errDown })
		publish(t, a, "chat", "2")
		late := subscribe(t, a, "elsewhere", nil)
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.fail = nil })
		publish(t, a, "chat", "3")
		time.Sleep(3 * time.Second)
		if ra.heard() != "joined@0 1 2 3" || rb.heard() != "joined@0 1 stale 3" || late.heard() != "joined@0 stale" {
			t.Errorf("heard\n%s\n%s\n%s", ra.heard(), rb.heard(), late.heard())
		}
	})
}

// SHD-09: a receiver that came while the topic could not be followed, and goes,
// takes nothing from the others.
func TestReceiverOfFailedFollowGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		w.set(func(w *wires) { w.fail = errDown })
		first := subscribe(t, b, "chat", nil)
		second := subscribe(t, b, "chat", nil)
		time.Sleep(3 * time.Second)
		if err := b.Unsubscribe("chat", first, first); err != nil {
			t.Fatal(err)
		}
		w.set(func(w *wires) { w.fail = nil })
		time.Sleep(3 * time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		if first.heard() != "joined@0 left" || second.heard() != "joined@0 stale 1" {
			t.Errorf("heard\n%s\n%s", first.heard(), second.heard())
		}
	})
}
