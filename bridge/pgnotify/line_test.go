package pgnotify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// faulty is a Log that takes time, fails, and fails after it kept what it was given, as it is told.
type faulty struct {
	topic.Log
	delay time.Duration

	mu    sync.Mutex
	calls int
	fault func(call int) (fail, after bool)
}

var errDown = errors.New("connection refused")

func (f *faulty) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	f.mu.Lock()
	f.calls++
	fail, after := false, false
	if f.fault != nil {
		fail, after = f.fault(f.calls)
	}
	delay := f.delay
	f.mu.Unlock()
	time.Sleep(delay)
	if fail && !after {
		return topic.Appended{}, errDown
	}
	a, err := f.Log.Append(ctx, name, batch, keep)
	if fail {
		return topic.Appended{}, errDown
	}
	return a, err
}

func (f *faulty) set(fault func(int) (bool, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// startLine gives the way of a channel without a database; it ends with the test.
func startLine(t *testing.T, cfg Config) *line {
	t.Helper()
	b := &Bridge{cfg: cfg.withDefaults(), id: "test", started: time.Now(), metrics: newMetrics(nil), byName: map[string]*line{}}
	b.announcer.init(b)
	l := newLine(b, 0, b.cfg.Channels[0])
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return l
}

func (l *line) send(name string, n int) {
	l.received(pgdb.Notification{Channel: l.channel.Name, Payload: fmt.Sprintf(`{"topic":%q,"event":"e","data":%d}`, name, n)})
}

func onLog(t *testing.T, log topic.Log) *node {
	bus := membus.New()
	return &node{topics: startTopics(t, log, bus)}
}

func leading(topics *topic.Topics) Config {
	return Config{Topics: topics, Channels: []Channel{{Name: "c", Leader: true}}}
}

func upTo(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprint(i)
	}
	return strings.Join(words, " ")
}

// A Log that fails now and then, also after it kept a batch, changes nothing of order and number, as long as what is tried
// again comes within the policy's Dedup.
func TestRetriesKeepOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &faulty{Log: memstore.New(memstore.Config{}), delay: 3 * time.Millisecond}
		log.set(func(call int) (bool, bool) { return call%3 == 0, call%2 > 0 })
		n := onLog(t, log)
		l := startLine(t, leading(n.topics))
		a, b := n.listen(t, "kept:a"), n.listen(t, "kept:b")
		const events = 400
		for i := range events {
			l.send("kept:a", i)
			l.send("kept:b", i)
			time.Sleep(time.Millisecond)
			if i%50 == 0 {
				time.Sleep(time.Second) // until all that failed is through
			}
		}
		time.Sleep(10 * time.Minute)
		if a.heard() != upTo(events) || b.heard() != upTo(events) {
			t.Errorf("heard %s and %s", a.heard(), b.heard())
		}
		if s := l.report(); s.Published != 2*events || s.Queued != 0 || s.Failing != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

// While a backend is away its topics wait, then lose what there is no room for, and are told where; others go on.
func TestBackendIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &faulty{Log: memstore.New(memstore.Config{}), delay: time.Millisecond}
		n := onLog(t, log)
		cfg := leading(n.topics)
		cfg.Channels[0].Queue = 40
		l := startLine(t, cfg)
		kept, live := n.listen(t, "kept"), n.listen(t, "live:x")
		log.set(func(int) (bool, bool) { return true, false })
		l.send("kept", 0)
		time.Sleep(10 * time.Second)
		for i := 1; i < 100; i++ {
			l.send("kept", i)
			l.send("live:x", i-1)
			time.Sleep(time.Millisecond)
		}
		if live.heard() != upTo(99) {
			t.Errorf("another topic heard %s", live.heard())
		}
		s := l.report()
		if s.Queued != 20 || s.Dropped[reasonOverflow] != 80 || s.Failing != 1 {
			t.Errorf("state %+v", s)
		}
		log.set(nil)
		time.Sleep(time.Minute)
		l.send("kept", 100)
		time.Sleep(time.Second)
		if want := upTo(20) + " stale 100"; kept.heard() != want {
			t.Errorf("heard %s, want %s", kept.heard(), want)
		}
		log.set(func(int) (bool, bool) { return true, false })
		for i := range 200 { // of topics that all fail: nobody waits for room
			l.send(fmt.Sprint("kept:", i%10), i)
		}
		log.set(nil)
		l.bridge.announcer.mu.Lock()
		defer l.bridge.announcer.mu.Unlock()
		if _, ok := l.bridge.announcer.owed[owed{"c", "kept"}]; !ok || len(l.bridge.announcer.owed) != 1 {
			t.Errorf("other nodes are told %v", l.bridge.announcer.owed)
		}
	})
}

// When notifications come faster than the topics take them, reading waits, and nothing is lost.
func TestReadingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &faulty{Log: memstore.New(memstore.Config{}), delay: 100 * time.Millisecond}
		n := onLog(t, log)
		cfg := leading(n.topics)
		cfg.Channels[0].Queue = 16
		l := startLine(t, cfg)
		e := n.listen(t, "kept")
		began, most := time.Now(), 0
		for i := range 200 {
			l.send("kept", i)
			most = max(most, l.report().Queued)
		}
		if took := time.Since(began); took < time.Second || most > 16 {
			t.Errorf("took %s, %d waited", took, most)
		}
		time.Sleep(time.Minute)
		if e.heard() != upTo(200) {
			t.Errorf("heard %s", e.heard())
		}
		gate := make(chan struct{})
		log.mu.Lock()
		log.delay = 10 * time.Second
		log.mu.Unlock()
		for i := range 16 {
			l.send("kept", 200+i)
		}
		go func() {
			defer close(gate)
			l.send("kept", 216)
		}()
		synctest.Wait()
		l.close()
		<-gate // closing does not leave the reader waiting
		if s := l.report(); s.Dropped[reasonClosed] != 1 {
			t.Errorf("state %+v", s)
		}
	})
}

// Every node takes a notification for a topic with history: only an id makes one event of it.
func TestHistoryNeedsIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, bus := memstore.New(memstore.Config{}), membus.New()
		var said bytes.Buffer
		var lines []*line
		var ears []*ear
		for range 3 {
			n := &node{topics: startTopics(t, log, bus)}
			cfg := Config{Topics: n.topics, Channels: []Channel{{Name: "c"}}, Logger: slog.New(slog.NewTextHandler(&said, nil))}
			lines, ears = append(lines, startLine(t, cfg)), append(ears, n.listen(t, "kept"))
		}
		for i := range 5 {
			for _, l := range lines {
				l.send("kept", 7)
				l.received(pgdb.Notification{Payload: fmt.Sprintf(`{"topic":"kept","event":"e","data":%d,"id":"i%d"}`, i, i)})
			}
			time.Sleep(time.Second)
		}
		for i, e := range ears {
			if e.heard() != upTo(5) {
				t.Errorf("heard %s", e.heard())
			}
			if s := lines[i].report(); s.Dropped[reasonHistory] != 5 {
				t.Errorf("state %+v", s)
			}
		}
		if warned := strings.Count(said.String(), "leader: true"); warned != 3 {
			t.Errorf("%d warnings of 3 nodes: %s", warned, said.String())
		}
	})
}

// A node that is alone publishes for topics with history in either mode.
func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, leader := range []bool{false, true} {
			n := onLog(t, memstore.New(memstore.Config{}))
			l := startLine(t, Config{Topics: n.topics, Alone: true, Channels: []Channel{{Name: "c", Leader: leader}}})
			kept, live := n.listen(t, "kept"), n.listen(t, "live:x")
			for i := range 3 {
				l.send("kept", i)
				l.send("live:x", i)
			}
			time.Sleep(time.Second)
			if kept.heard() != upTo(3) || live.heard() != upTo(3) {
				t.Errorf("heard %s and %s", kept.heard(), live.heard())
			}
		}
	})
}

// What comes near the limit of NOTIFY is counted, and said once a minute.
func TestLargePayloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := onLog(t, memstore.New(memstore.Config{}))
		var said bytes.Buffer
		cfg := leading(n.topics)
		cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
		l := startLine(t, cfg)
		for range 3 {
			for _, size := range []int{7500, 7501, 7999} {
				text := `{"topic":"live:x","event":"e","data":"secret"}`
				l.received(pgdb.Notification{Payload: text + strings.Repeat(" ", size-len(text))})
			}
			time.Sleep(time.Minute)
		}
		if s := l.report(); s.Published != 9 {
			t.Errorf("state %+v", s)
		}
		if got := strings.Count(said.String(), "near the limit"); got != 3 || strings.Contains(said.String(), "secret") {
			t.Errorf("%d warnings: %s", got, said.String())
		}
	})
}

// An interruption is told behind what was received before it, and before what is received after.
func TestGapInPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &faulty{Log: memstore.New(memstore.Config{}), delay: 50 * time.Millisecond}
		n := onLog(t, log)
		cfg := leading(n.topics)
		cfg.Channels[0].Feeds = []string{"kept:*", "live:*"}
		l := startLine(t, cfg)
		kept, idle, live, other := n.listen(t, "kept:a"), n.listen(t, "kept:b"), n.listen(t, "live:x"), n.listen(t, "chat")
		since := time.Now()
		for i := range 10 {
			l.send("kept:a", i)
			l.send("live:x", i)
		}
		l.gap(since, false)
		for i := range 5 {
			l.send("kept:a", 10+i)
			l.send("live:x", 10+i)
		}
		time.Sleep(time.Second)
		want := upTo(10) + " stale 10 11 12 13 14"
		if kept.heard() != want || live.heard() != want {
			t.Errorf("heard %s and %s", kept.heard(), live.heard())
		}
		if idle.heard() != "stale" || other.heard() != "" {
			t.Errorf("one that is fed heard %s, one that is not %s", idle.heard(), other.heard())
		}
		if at := kept.staleSince(); len(at) != 1 || !at[0].Equal(since) {
			t.Errorf("since %v", at)
		}
	})
}
