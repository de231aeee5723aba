package topic_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// witness is an Outlet that checks what it is told while it is told: numbers go
// up by one, and where they do not, an announcement said so before.
type witness struct {
	mu     sync.Mutex
	name   string
	joined bool
	since  uint64
	next   uint64 // the number that must come
	epoch  string
	log    []string
	broken string
}

func (w *witness) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *witness) fail(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

func (w *witness) take(evs []*topic.Event) {
	for _, e := range evs {
		if l := e.Loss(); l != nil {
			w.note("T(%d,%d)@%s", l.Since, l.Oldest, l.Head.Epoch)
			if l.Since+1 != w.next {
				w.fail("told that what follows %d is gone, but had up to %d", l.Since, w.next-1)
			}
			if l.Head.Epoch == w.epoch && l.Oldest < w.next {
				w.fail("told of a loss that is none: oldest %d, had up to %d", l.Oldest, w.next-1)
			}
			w.next, w.epoch = l.Oldest, l.Head.Epoch
			continue
		}
		w.note("%d@%s", e.Seq(), e.Position().Epoch)
		if e.Seq() != w.next || e.Position().Epoch != w.epoch {
			w.fail("got %v, expected %s/%d", e.Position(), w.epoch, w.next)
		}
		w.next = e.Seq() + 1
	}
}

func (w *witness) Deliver(_ string, b *topic.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.joined {
		w.fail("events before Joined")
	}
	w.take(b.Events)
}

func (w *witness) Joined(_ string, _ any, j topic.Joined) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.Err != nil {
		w.note("refused")
		return
	}
	w.joined = true
	w.note("joined@%s/%d", j.Head.Epoch, j.Head.Seq)
	w.epoch, w.next = j.Head.Epoch, j.Head.Seq+1
	if w.since != noSince {
		w.next = w.since + 1
		if w.since > j.Head.Seq {
			w.epoch = "beyond"
		}
		if j.Missed != nil {
			w.take(j.Missed.Events)
		}
		if w.next != j.Head.Seq+1 {
			w.fail("the catch-up ends before %d, the head is %d", w.next, j.Head.Seq)
		}
	}
}

func (w *witness) Left(string, any)     {}
func (w *witness) Closed(string, error) {}

const noSince = ^uint64(0)

// Two nodes, a relay that loses, doubles and reorders, a log that trims, fails
// and is cleared, receivers that come and go: whatever happens, no receiver sees
// a hole or a double that it was not told of, and in the end all are up to date.
func TestEveryReceiverKnowsWhatItMissed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wander(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func wander(t *testing.T, rng *rand.Rand) {
	w := newWires()
	var faulty sync.Mutex
	faults := rand.New(rand.NewPCG(rng.Uint64(), 1))
	w.faults = func() (delays []time.Duration) {
		faulty.Lock()
		defer faulty.Unlock()
		for range []int{0, 1, 1, 1, 2}[faults.IntN(5)] {
			delays = append(delays, time.Duration(faults.IntN(120))*time.Millisecond)
		}
		return delays
	}
	log := &remote{Log: memory(t), delay: 3 * time.Millisecond}
	var nodes [2]*topic.Topics
	for i, name := range []string{"a", "b"} {
		nodes[i] = start(t, topic.Config{Log: log, Node: name, Relay: &wire{name, w},
			Policies: []topic.Policy{{History: 1 + rng.IntN(40), Idle: time.Second}}})
	}
	var all, gone []*witness
	homes := map[*witness]*topic.Topics{}
	for range 250 {
		node := nodes[rng.IntN(2)]
		switch k := rng.IntN(100); {
		case k < 60:
			_ = node.Post("chat", topic.Message{Event: "n"}, nil)
		case k < 75:
			x := &witness{name: fmt.Sprint(len(homes)), since: noSince}
			s := topic.Subscription{Outlet: x, Receiver: x}
			if rng.IntN(2) == 0 {
				x.since = uint64(rng.IntN(60))
				s.Since = at("", x.since)
			}
			_ = node.Subscribe("chat", s)
			all, homes[x] = append(all, x), node
		case k < 85 && len(all) > 0:
			i := rng.IntN(len(all))
			_ = homes[all[i]].Unsubscribe("chat", all[i], all[i])
			gone, all = append(gone, all[i]), append(all[:i], all[i+1:]...)
		case k < 87:
			_ = node.Clear(t.Context(), "chat")
		case k < 90:
			fail := []error{nil, errDown}[rng.IntN(2)]
			log.set(func(l *remote) { l.fail, l.after = fail, rng.IntN(2) == 0 })
		}
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
	}
	log.set(func(l *remote) { l.fail = nil })
	w.set(func(w *wires) { w.faults = nil })
	for _, node := range nodes { // one from each tells the other where the log stands
		publish(t, node, "chat", "1")
		time.Sleep(5 * time.Second)
	}
	head, err := nodes[0].Head(t.Context(), "chat")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range append(all, gone...) {
		x.mu.Lock()
		if x.broken != "" {
			t.Errorf("receiver %s: %s\n%v", x.name, x.broken, x.log)
		}
		x.mu.Unlock()
	}
	for _, x := range all {
		if x.joined && (x.next != head.Seq+1 || x.epoch != head.Epoch) {
			t.Errorf("receiver %s ends before %s/%d, the topic is at %v\n%v", x.name, x.epoch, x.next, head, x.log)
		}
	}
}
