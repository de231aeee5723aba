package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// waits returns when so many entries wait in a Store's lanes.
func waits(t *testing.T, s *Store, entries int) {
	t.Helper()
	pgtest.Eventually(t, 10*time.Second, "calls wait", func() error {
		if n := testutil.ToFloat64(s.metrics.waiting); n != float64(entries) {
			return fmt.Errorf("%v entries", n)
		}
		return nil
	})
}

// blocked has a Store of one lane hang in a statement about the topic "held".
func blocked(t *testing.T) (s *Store, release func()) {
	t.Helper()
	s = openStore(t, Config{Lanes: 1})
	put(t, s, "held", event("x"))
	unlock := hold(t, s, "held")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := s.Append(context.Background(), "held", events(1), plenty); err != nil {
			t.Error(err)
		}
	}()
	hangs(t, s)
	return s, func() { unlock(); <-done }
}

// hangs returns when a statement waits for a lock.
func hangs(t *testing.T, s *Store) {
	t.Helper()
	pgtest.Eventually(t, 10*time.Second, "a statement hangs", func() error {
		if count(t, s, `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%'||$1||'%'`, s.db.Schema()) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
}

func groups(t *testing.T, s *Store) (statements uint64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(s.metrics.group)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].GetMetric()[0].GetHistogram().GetSampleCount()
}

// PGR-08: what comes while a statement is under way is one statement, whatever its topics.
func TestPGR08Groups(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	before := groups(t, s)
	var wg sync.WaitGroup
	const calls = 300
	for i := range calls {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), "t"+strconv.Itoa(i%100), events(2), plenty); err != nil {
				t.Error(err)
			}
		})
	}
	waits(t, s, 2*calls)
	release()
	wg.Wait()
	if n := groups(t, s) - before; n != 1 {
		t.Errorf("%d statements", n)
	}
	for i := range 100 {
		if p := get(t, s, "t"+strconv.Itoa(i)); p.Head.Seq != 2*calls/100 || len(p.Records) != 2*calls/100 {
			t.Errorf("topic %d: head %d, %d records", i, p.Head.Seq, len(p.Records))
		}
	}
}

// Calls that share a statement are answered as if they had come one after the other.
func TestGroupedCalls(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	remember, forget := topic.Retention{Size: 100, Dedup: time.Hour}, topic.Retention{Size: 100}
	type step struct {
		topic string
		keep  topic.Retention
		batch []topic.Entry
		want  []topic.Result
	}
	fresh := func(seq uint64) topic.Result { return topic.Result{Seq: seq} }
	again := func(seq uint64) topic.Result { return topic.Result{Seq: seq, Duplicate: true} }
	steps := []step{
		{"b", remember, []topic.Entry{withID("1", "x"), event("y"), withID("1", "z")}, []topic.Result{fresh(1), fresh(2), again(1)}},
		{"a", remember, []topic.Entry{withID("1", "x")}, []topic.Result{fresh(1)}},
		{"b", remember, []topic.Entry{withID("2", "x"), withID("1", "y"), withID("2", "z")}, []topic.Result{fresh(3), again(1), again(3)}},
		{"b", forget, []topic.Entry{withID("1", "not remembered"), event("y")}, []topic.Result{fresh(4), fresh(5)}}, // a statement of its own
		{"b", remember, []topic.Entry{withID("3", "x")}, []topic.Result{fresh(6)}},
	}
	var wg sync.WaitGroup
	entries := 0
	for i, st := range steps {
		wg.Go(func() {
			a, err := s.Append(t.Context(), st.topic, st.batch, st.keep)
			if err != nil || fmt.Sprint(a.Results) != fmt.Sprint(st.want) {
				t.Errorf("call %d: %v, %v; want %v", i, a.Results, err, st.want)
			}
		})
		entries += len(st.batch)
		waits(t, s, entries) // so that they come in order
	}
	release()
	wg.Wait()
}

// A call whose context ends while it waits returns at once, and has no effect. One that is being sent
// returns as well; what becomes of it is unknown.
func TestCanceledCalls(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { _, err := s.Append(ctx, "t", events(3), plenty); errs <- err }()
	waits(t, s, 3)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting call: %v", err)
	}
	release()
	if p := get(t, s, "t"); p.Head.Seq != 0 {
		t.Errorf("the call took effect: %v", p.Head)
	}
	unlock := hold(t, s, "t")
	defer unlock()
	sent, cancelSent := context.WithCancel(t.Context())
	go func() { _, err := s.Append(sent, "t", []topic.Entry{withID("1", "x")}, plenty); errs <- err }()
	hangs(t, s)
	cancelSent()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the call that was sent: %v", err)
	}
	unlock()
	if a := put(t, s, "t", withID("1", "x")); a.Results[0] != (topic.Result{Seq: 1, Duplicate: true}) {
		t.Errorf("it was sent, and the same ID gives %+v", a.Results)
	}
}

// A topic whose entries are refused costs others in the same statement nothing.
func TestOneTopicFails(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	exec(t, s, `insert into {schema}.topics (name, seq) values ('full', $1)`, int64(math.MaxInt64-1))
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), "t"+strconv.Itoa(i), []topic.Entry{withID("1", "x")}, plenty); err != nil {
				t.Errorf("another topic: %v", err)
			}
		})
	}
	wg.Go(func() {
		if _, err := s.Append(t.Context(), "full", events(2), plenty); !errors.Is(err, ErrExhausted) {
			t.Errorf("the topic that is full: %v", err)
		}
	})
	waits(t, s, 7)
	release()
	wg.Wait()
	a := put(t, s, "full", event("x"))
	if a.Results[0].Seq != math.MaxInt64 {
		t.Errorf("the last number is %d", a.Results[0].Seq)
	}
	if p := getAfter(t, s, "full", math.MaxInt64-1, plenty); len(p.Records) != 1 {
		t.Errorf("%d records, want the last one", len(p.Records))
	}
	if err := s.Clear(t.Context(), "full"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "full", event("y"))
}

// A topic whose row somebody holds delays others for a moment.
func TestStuckTopic(t *testing.T) {
	t.Parallel()
	s := storeOn(t, pgdb.Config{URL: pgtest.Shared(t).URL(), Schema: newSchema(), Timeout: time.Minute}, Config{})
	put(t, s, "held", event("x"))
	put(t, s, "free", event("x"))
	release := hold(t, s, "held")
	defer release()
	var wg sync.WaitGroup
	send := func(calls int) {
		for range calls {
			wg.Go(func() {
				if _, err := s.Append(t.Context(), "held", events(1), plenty); err != nil {
					t.Error(err)
				}
			})
		}
	}
	send(1)
	hangs(t, s)
	send(300) // more than a statement is worth, and all of them have to wait
	waits(t, s, 300)
	for range 5 {
		put(t, s, "free", event("x"))
	}
	release()
	wg.Wait()
	if p := get(t, s, "held"); p.Head.Seq != 302 {
		t.Errorf("the held one stands at %d", p.Head.Seq)
	}
}

// No call is left behind, whatever comes beside it: other retentions, callers that leave.
func TestNoCallIsLeftBehind(t *testing.T) {
	t.Parallel()
	s := storeOn(t, pgdb.Config{URL: pgtest.Shared(t).URL(), Schema: newSchema(), Timeout: time.Minute}, Config{})
	var wg sync.WaitGroup
	var kept, gone atomic.Int64
	for w := range 40 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if random.IntN(2) == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(6*time.Millisecond))))
				}
				_, err := s.Append(ctx, "t"+strconv.Itoa(random.IntN(3)), events(1), topic.Retention{Size: 1000 + random.IntN(3)})
				switch {
				case err == nil:
					kept.Add(1)
				case ctx.Err() == nil:
					t.Error(err)
				default:
					gone.Add(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	waits(t, s, 0)
	if kept.Load() == 0 || gone.Load() == 0 {
		t.Errorf("%d calls were answered, %d left", kept.Load(), gone.Load())
	}
}

// What waits is bounded.
func TestBusy(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	large := topic.Entry{Name: "e", Data: []byte(`"` + longText(waitingBytes/16) + `"`)}
	var wg sync.WaitGroup
	busy := make(chan error, 32)
	ctx, cancel := context.WithCancel(t.Context())
	for range 20 {
		wg.Go(func() {
			_, err := s.Append(ctx, "large", []topic.Entry{large}, plenty)
			busy <- err
		})
	}
	if err := <-busy; !errors.Is(err, ErrBusy) { // the others wait
		t.Errorf("%v, want ErrBusy", err)
	}
	cancel()
	wg.Wait()
	release()
	put(t, s, "large", event("x"))
}
