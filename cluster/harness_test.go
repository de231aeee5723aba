package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// patience is how long a test waits for what must happen. What happens is
// expected within a few seconds; a loaded machine takes longer.
const patience = 30 * time.Second

// eventually waits until what returns nothing; what it returns is the complaint.
func eventually(t testing.TB, what func() string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for complaint := what(); complaint != ""; complaint = what() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %v: %s", patience, complaint)
		}
	}
}

// nodes starts nodes a, b, c ... that share a Redis.
func nodes(t testing.TB, url string, count int, policies ...topic.Policy) []*Node {
	t.Helper()
	all := make([]*Node, count)
	for i := range all {
		n, err := Start(t.Context(), Config{ID: string(rune('a' + i)), Redis: url, Topics: policies})
		if err != nil {
			t.Fatalf("Start: %v", err)
		}
		t.Cleanup(func() { _ = n.Close() }) // some tests leave Redis broken
		all[i] = n
	}
	return all
}

// pair starts a Redis and two nodes.
func pair(t testing.TB, policies ...topic.Policy) (*redistest.Server, *Node, *Node) {
	t.Helper()
	server := redistest.Start(t)
	both := nodes(t, server.URL(), 2, policies...)
	return server, both[0], both[1]
}

// ear is an Outlet with one receiver that writes down what it hears.
type ear struct {
	joined chan topic.Joined

	mu     sync.Mutex
	words  []string // data, or the loss
	seqs   []uint64
	epochs []string // in the order in which they were met
	faults []string
	losses int
}

func (e *ear) Deliver(_ string, b *topic.Batch) { e.hear(b.Events) }

func (e *ear) Joined(_ string, _ any, j topic.Joined) {
	if j.Missed != nil {
		e.hear(j.Missed.Events)
	}
	e.joined <- j
}

func (e *ear) Left(string, any)         {}
func (e *ear) Closed(_ string, _ error) {}

// hear also checks the order: within an epoch each number follows the last, or a
// loss has told which one does.
func (e *ear) hear(evs []*topic.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range evs {
		if l := ev.Loss(); l != nil {
			e.losses++
			e.words = append(e.words, map[bool]string{true: "stale", false: fmt.Sprintf("T(%d,%d)", l.Since, l.Oldest)}[l.Stale])
			if !l.Stale {
				e.meet(l.Head.Epoch)
				e.seqs = append(e.seqs, l.Oldest-1)
			}
			continue
		}
		e.words = append(e.words, string(ev.Data()))
		if ev.Seq() == 0 {
			continue
		}
		e.meet(ev.Position().Epoch)
		if n := len(e.seqs); n > 0 && ev.Seq() != e.seqs[n-1]+1 {
			e.faults = append(e.faults, fmt.Sprintf("%d after %d", ev.Seq(), e.seqs[n-1]))
		}
		e.seqs = append(e.seqs, ev.Seq())
	}
}

func (e *ear) meet(epoch string) {
	if n := len(e.epochs); n == 0 || e.epochs[n-1] != epoch {
		if n > 0 && e.losses == 0 {
			e.faults = append(e.faults, "the epoch changed and nothing was said")
		}
		e.epochs = append(e.epochs, epoch)
	}
}

func (e *ear) heard() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.words, " ")
}

func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.words)
}

func (e *ear) check(t testing.TB) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.faults {
		t.Error(f)
	}
}

// waits until the ear has heard exactly this.
func (e *ear) wants(t testing.TB, want string) {
	t.Helper()
	eventually(t, func() string {
		if got := e.heard(); got != want {
			return fmt.Sprintf("heard %q, want %q", got, want)
		}
		return ""
	})
}

// mentions waits until the ear has heard one of the words.
func (e *ear) mentions(t testing.TB, words ...string) {
	t.Helper()
	eventually(t, func() string {
		got := strings.Fields(e.heard())
		if !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(got, w) }) {
			return fmt.Sprintf("heard %q, want one of %q in it", got, words)
		}
		return ""
	})
}

func subscribe(t testing.TB, n *Node, name string, since *topic.Position) (*ear, topic.Joined) {
	t.Helper()
	e := &ear{joined: make(chan topic.Joined, 1)}
	if err := n.Topics().Subscribe(name, topic.Subscription{Outlet: e, Receiver: e, Since: since}); err != nil {
		t.Fatal(err)
	}
	select {
	case j := <-e.joined:
		return e, j
	case <-time.After(patience):
		t.Fatal("the subscription was not answered")
		return nil, topic.Joined{}
	}
}

// listen is subscribe for those who must get in.
func listen(t testing.TB, n *Node, name string) *ear {
	t.Helper()
	e, j := subscribe(t, n, name, nil)
	if j.Err != nil {
		t.Fatalf("subscribe: %v", j.Err)
	}
	return e
}

func say(t testing.TB, n *Node, name, data string) topic.Receipt {
	t.Helper()
	r, err := n.Topics().Publish(t.Context(), name, topic.Message{Event: "e", Data: []byte(data)})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return r
}
