package topic_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/topic"
)

// restored tells every node that frames were lost, as a Relay does when its
// connection is back.
func (s *wires) restored(name string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.follow[name] {
		go to.Restored(name, since)
	}
}

func lose(*wires) []time.Duration { return nil }

// What the Relay lost last is made up for without waiting for another frame.
func TestRestored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history int
		want    string
	}{
		"history":    {history: 100, want: "joined@0 1 2 3"},
		"too little": {history: 1, want: "joined@0 1 T(1,3) 3"},
		"live":       {history: -1, want: "joined@0 1 stale"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b, w := pair(t, topic.Policy{History: c.history})
				rb := subscribe(t, b, "chat", nil)
				time.Sleep(time.Second)
				publish(t, a, "chat", "1")
				time.Sleep(time.Second)
				lost := time.Now()
				w.set(func(w *wires) { w.faults = func() []time.Duration { return lose(w) } })
				publish(t, a, "chat", "2")
				publish(t, a, "chat", "3")
				time.Sleep(time.Second)
				w.set(func(w *wires) { w.faults = nil })
				w.restored("chat", lost)
				time.Sleep(time.Second)
				if rb.heard() != c.want {
					t.Errorf("heard %s, want %s", rb.heard(), c.want)
				}
			})
		})
	}
}

// Somebody who knows that the Log lost something has all topics look.
func TestRecheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &remote{Log: memory(t), delay: time.Millisecond}
		w := newWires()
		b := start(t, topic.Config{Log: log, Node: "b", Relay: &wire{"b", w}})
		r := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, b, "chat", "1")
		if err := log.Clear(t.Context(), "chat"); err != nil {
			t.Fatal(err)
		}
		b.Recheck()
		time.Sleep(time.Second)
		if r.heard() != "joined@0 1 T(1,1)" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

// After an interruption a node looks after all its topics, a bounded number at
// once.
func TestRestoredManyTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{})
		const count = 2000
		var rs []*recorder
		for i := range count {
			rs = append(rs, subscribe(t, b, fmt.Sprint("room:", i), nil))
		}
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.faults = func() []time.Duration { return lose(w) } })
		for i := range count {
			publish(t, a, fmt.Sprint("room:", i), "1")
		}
		for i := range count {
			w.restored(fmt.Sprint("room:", i), time.Now())
		}
		time.Sleep(10 * time.Second)
		for i, r := range rs {
			if r.heard() != "joined@0 1" {
				t.Fatalf("room %d heard %s", i, r.heard())
			}
		}
	})
}

// A live event that could not be relayed is announced elsewhere, also if it was
// the last one.
func TestUnrelayedIsAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "1")
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.fail = errDown })
		publish(t, a, "chat", "2")
		time.Sleep(5 * time.Second)
		w.set(func(w *wires) { w.fail = nil })
		time.Sleep(5 * time.Second)
		if rb.heard() != "joined@0 1 stale" {
			t.Errorf("heard %s", rb.heard())
		}
	})
}

// So is the first event ever, of which nobody could know.
func TestUnrelayedFirstIsAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		rb := subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		w.set(func(w *wires) { w.fail = errDown })
		publish(t, a, "chat", "1")
		time.Sleep(time.Millisecond)
		w.set(func(w *wires) { w.fail = nil })
		publish(t, a, "chat", "2")
		time.Sleep(5 * time.Second)
		if rb.heard() != "joined@0 stale 2" {
			t.Errorf("heard %s", rb.heard())
		}
	})
}

// shaky is a Log of one topic that can lose its newest records and not notice,
// and that relays what it keeps.
type shaky struct {
	wire *wire

	mu      sync.Mutex
	life    int
	records []topic.Record
}

func (l *shaky) Relays() {}

func (l *shaky) epoch() string { return fmt.Sprint("e", l.life) }

func (l *shaky) Append(_ context.Context, name string, batch []topic.Entry, _ topic.Retention) (topic.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	time.Sleep(time.Millisecond)
	now := time.UnixMilli(time.Now().UnixMilli())
	answer := topic.Appended{Epoch: l.epoch(), At: now}
	frame := fmt.Appendf(topic.FrameHead(l.wire.node), "%s %d %d %d\n", l.epoch(), len(l.records)+1, now.UnixMilli(), len(batch))
	for _, e := range batch {
		seq := uint64(len(l.records) + 1)
		l.records = append(l.records, topic.Record{Seq: seq, At: now, Name: e.Name, Data: e.Data})
		answer.Results = append(answer.Results, topic.Result{Seq: seq})
		frame = topic.AppendEntry(frame, e.Name, e.Data)
	}
	return answer, l.wire.Publish(context.Background(), name, frame)
}

func (l *shaky) Read(_ context.Context, _ string, after uint64, limit int, _ topic.Retention) (topic.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := topic.Page{Head: topic.Position{Epoch: l.epoch(), Seq: uint64(len(l.records))}, Oldest: 1}
	if after < uint64(len(l.records)) {
		p.Records = l.records[after:min(uint64(len(l.records)), after+uint64(limit))]
	}
	return p, nil
}

func (l *shaky) Clear(context.Context, string) error { return nil }

func (l *shaky) Renew(_ context.Context, _, epoch string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch() == epoch {
		l.life++
	}
	return nil
}

func (l *shaky) forget(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = l.records[:len(l.records)-n]
}

// shakyPair is a writer that has no receivers and a reader.
func shakyPair(t *testing.T, reg prometheus.Registerer) (writer, reader *topic.Topics, log *shaky, w *wires) {
	w = newWires()
	log = &shaky{wire: &wire{"a", w}}
	writer = start(t, topic.Config{Log: log, Node: "a", Relay: &wire{"a", w}})
	reader = start(t, topic.Config{Log: log, Node: "b", Relay: &wire{"b", w}, Registerer: reg})
	return writer, reader, log, w
}

// A Log that restarts from an old snapshot gives numbers a second time. Whoever
// saw the first ones is told, whatever shows it first.
func TestLogWentBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after func(t *testing.T, writer *topic.Topics, w *wires)
		want  string
	}{
		"the relay was interrupted too": {
			func(t *testing.T, _ *topic.Topics, w *wires) { w.restored("chat", time.Now()) },
			"joined@0 1 2 3 T(3,1) 1",
		},
		"a frame with a number that was there": {
			func(t *testing.T, writer *topic.Topics, _ *wires) { publish(t, writer, "chat", "1") },
			"joined@0 1 2 3 T(3,1) 1 2",
		},
		"others filled the hole before anyone looked": {
			func(t *testing.T, writer *topic.Topics, w *wires) {
				w.set(func(w *wires) { w.faults = func() []time.Duration { return lose(w) } })
				for range 4 {
					publish(t, writer, "chat", "1")
					time.Sleep(time.Second)
				}
				w.set(func(w *wires) { w.faults = nil })
				w.restored("chat", time.Now())
			},
			"joined@0 1 2 3 T(3,1) 1 2 3 4 5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				writer, reader, log, w := shakyPair(t, nil)
				r := subscribe(t, reader, "chat", nil)
				time.Sleep(time.Second)
				for range 3 {
					publish(t, writer, "chat", "1")
					time.Sleep(time.Second)
				}
				log.forget(2)
				c.after(t, writer, w)
				time.Sleep(5 * time.Second)
				if r.heard() != c.want {
					t.Errorf("heard %s\nwant  %s", r.heard(), c.want)
				}
			})
		})
	}
}

// A Log that relays by itself is not helped.
func TestRelayingLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		writer, reader, _, w := shakyPair(t, nil)
		ra, rb := subscribe(t, writer, "chat", nil), subscribe(t, reader, "chat", nil)
		time.Sleep(time.Second)
		publish(t, writer, "chat", "1")
		publish(t, writer, "chat", "2")
		time.Sleep(time.Second)
		if ra.heard() != "joined@0 1 2" || rb.heard() != "joined@0 1 2" {
			t.Errorf("heard\n%s\n%s", ra.heard(), rb.heard())
		}
		if w.sent != 2 {
			t.Errorf("%d frames for two publishes", w.sent)
		}
	})
}

// Anyone who reaches the backend can send frames. One with numbers that the Log
// never gave is dropped, and one that says another head leads to a look.
func TestForgedFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		writer, reader, _, w := shakyPair(t, reg)
		r := subscribe(t, reader, "chat", nil)
		time.Sleep(time.Second)
		publish(t, writer, "chat", "1")
		time.Sleep(time.Second)
		forge := func(line string) {
			frame := topic.AppendEntry(append(topic.FrameHead("x"), line...), "forged", []byte("0"))
			if strings.HasSuffix(line, " 0\n") {
				frame = append(topic.FrameHead("x"), line...)
			}
			_ = (&wire{"x", w}).Publish(t.Context(), "chat", frame)
			time.Sleep(time.Second)
		}
		forge("e0 1000000000000 0 1\n")
		forge("e0 18446744073709551615 0 1\n")
		forge("other 5 0 1\n")
		forge("other 1 0 0\n")
		forge("e0 900 0 0\n")
		publish(t, writer, "chat", "2")
		time.Sleep(time.Second)
		if r.heard() != "joined@0 1 2" {
			t.Errorf("heard %s", r.heard())
		}
		// 2^64-1 of one event is past the end of what can be numbered.
		want := `
# HELP troupe_topic_invalid_frames_total Relay frames that were malformed, or told of events that nobody numbered.
# TYPE troupe_topic_invalid_frames_total counter
troupe_topic_invalid_frames_total 2
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_topic_invalid_frames_total"); err != nil {
			t.Error(err)
		}
	})
}

// Thousands who come back to a node that does not know the topic are given one
// batch, read and encoded once, also if their position is of an epoch that is over.
func TestColdCatchUpIsShared(t *testing.T) {
	t.Parallel()
	for name, epoch := range map[string]string{"this epoch": "e0", "another": "before"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				writer, reader, _, _ := shakyPair(t, nil)
				for range 5 {
					publish(t, writer, "chat", "1")
				}
				var rs []*recorder
				for range 100 {
					rs = append(rs, subscribe(t, reader, "chat", at(epoch, 2)))
				}
				time.Sleep(time.Second)
				for _, r := range rs {
					if r.heard() != rs[0].heard() || len(r.bytes) < 3 {
						t.Fatalf("heard %s, the first %s", r.heard(), rs[0].heard())
					}
					if last := len(r.bytes) - 1; &r.bytes[last][0] != &rs[0].bytes[last][0] {
						t.Fatal("encoded again")
					}
				}
			})
		})
	}
}
