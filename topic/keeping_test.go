package topic_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// What the Relay does not take other nodes learn as soon as it takes something again: they read it from
// the Log, although nothing more is published.
func TestKeptEventsThatWereNotRelayed(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int{"one": 1, "many": 30} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b, w := pair(t, topic.Policy{History: 1000})
				ra, rb := subscribe(t, a, "chat", nil), subscribe(t, b, "chat", nil)
				time.Sleep(time.Second)
				publish(t, a, "chat", "1")
				time.Sleep(time.Second)
				w.set(func(w *wires) { w.fail = errors.New("the relay is away") })
				for range lost {
					publish(t, a, "chat", "1")
				}
				time.Sleep(10 * time.Second)
				if got := rb.numbers(); len(got) != 1 {
					t.Fatalf("b heard %s through a relay that is away", rb.heard())
				}
				w.set(func(w *wires) { w.fail = nil })
				time.Sleep(2 * time.Second)
				if !slices.Equal(ra.numbers(), rb.numbers()) || len(rb.numbers()) != lost+1 {
					t.Errorf("a heard %s\nb heard %s", ra.heard(), rb.heard())
				}
			})
		})
	}
}

// narrow is a Relay that wants small frames.
type narrow struct {
	*wire
	limit int
}

func (n *narrow) MaxFrame() int { return n.limit }

func TestLargeEventsAreReadFromTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, log := newWires(), &remote{Log: memory(t), delay: time.Millisecond}
		var mu sync.Mutex
		var sent [][]byte
		w.faults = func() []time.Duration { return []time.Duration{time.Millisecond} }
		on := func(node string) *topic.Topics {
			return start(t, topic.Config{Log: log, Node: node, Relay: &narrow{wire: &wire{node, w}, limit: 300},
				Policies: []topic.Policy{{History: 1000}}})
		}
		a, b := on("a"), on("b")
		w.set(func(w *wires) {
			w.follow["chat"] = map[string]topic.Sink{"spy": sinkFunc(func(f []byte) {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, f)
			})}
		})
		ra, rb := subscribe(t, a, "chat", nil), subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		for i := range 30 {
			data := `"small"`
			if i%3 == 1 {
				data = `"` + strings.Repeat("x", 1000) + `"`
			}
			publish(t, a, "chat", data)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(ra.numbers(), rb.numbers()) || len(rb.numbers()) != 30 {
			t.Errorf("a heard %s\nb heard %s", ra.heard(), rb.heard())
		}
		for _, f := range sent {
			if len(f) > 500 {
				t.Errorf("a frame has %d bytes", len(f))
			}
		}
	})
}

type sinkFunc func([]byte)

func (f sinkFunc) Received(_ string, frame []byte) { f(frame) }
func (sinkFunc) Restored(string, time.Time)        {}

func TestStores(t *testing.T) {
	t.Parallel()
	usual, other := memory(t), memory(t)
	topics := start(t, topic.Config{Log: usual, Logs: map[string]topic.Log{"other": other},
		Policies: []topic.Policy{{Match: "o:*", Store: "other"}, {Match: "*"}}})
	publish(t, topics, "o:1", "1")
	publish(t, topics, "u:1", "1")
	keep := topic.Retention{Size: 10}
	for name, logs := range map[string][2]topic.Log{"o:1": {other, usual}, "u:1": {usual, other}} {
		for i, log := range logs {
			page, err := log.Read(t.Context(), name, 0, 10, keep)
			if err != nil || len(page.Records) != 1-i {
				t.Errorf("%s in log %d: %d records, %v", name, i, len(page.Records), err)
			}
		}
		if h, err := topics.History(t.Context(), name, topic.Position{}, 0); err != nil || len(h.Events) != 1 {
			t.Errorf("history of %s: %d, %v", name, len(h.Events), err)
		}
		if err := topics.Clear(t.Context(), name); err != nil {
			t.Error(err)
		}
		if page, err := logs[0].Read(t.Context(), name, 0, 10, keep); err != nil || len(page.Records) != 0 {
			t.Errorf("%s after Clear: %d records, %v", name, len(page.Records), err)
		}
	}
}

func TestStoreThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := topic.Start(topic.Config{System: actors.NewSystem(actors.Config{}), Log: memory(t),
		Logs: map[string]topic.Log{"postgres": memory(t)}, Policies: []topic.Policy{{Match: "a", Store: "postgers"}}})
	fault, ok := errors.AsType[*topic.PolicyError](err)
	if !ok || fault.Index != 0 || !strings.Contains(err.Error(), `no store "postgers", only: postgres`) {
		t.Errorf("%v", err)
	}
}

// REP-17: other nodes' receivers are told that a topic was cleared, though the Log tells nobody.
func TestClearIsToldToOtherNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: 1000})
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.fail = errors.New("the relay is away") })
		if err := a.Clear(t.Context(), "chat"); !errors.Is(err, topic.ErrUnavailable) {
			t.Errorf("clear without relay: %v", err)
		}
		w.set(func(w *wires) { w.fail = nil })
		if err := a.Clear(t.Context(), "chat"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := rb.heard(); got != "joined@0 1 T(1,1)" {
			t.Errorf("b heard %s", got)
		}
	})
}
