package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
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
	pgtest.Eventually(t, 10*time.Second, "the lane hangs", func() error {
		if count(t, s, `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%'||$1||'%'`, s.db.Schema()) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	return s, func() { unlock(); <-done }
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
	pgtest.Eventually(t, 10*time.Second, "it is sent", func() error {
		if count(t, s, `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%'||$1||'%'`, s.db.Schema()) == 0 {
			return errors.New("it is not")
		}
		return nil
	})
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

// Close lets calls end that are under way and refuses others.
func TestClose(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	waiting := make(chan error, 1)
	go func() { _, err := s.Append(t.Context(), "t", events(1), plenty); waiting <- err }()
	waits(t, s, 1)
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context()) }()
	pgtest.Eventually(t, 10*time.Second, "calls are refused", func() error {
		_, err := s.Read(t.Context(), "t", 0, 1, plenty)
		if !errors.Is(err, ErrClosed) {
			return fmt.Errorf("Read: %w", err)
		}
		return nil
	})
	if _, err := s.Append(t.Context(), "t", events(1), plenty); !errors.Is(err, ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	select {
	case err := <-closed:
		t.Errorf("Close returned before the calls: %v", err)
	default:
	}
	release()
	if err := <-waiting; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Close whose context ends cuts off what is under way.
func TestCloseInHaste(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	put(t, s, "t", event("x"))
	release := hold(t, s, "t")
	defer release()
	failed := make(chan error, 1)
	go func() { _, err := s.Append(context.Background(), "t", events(1), plenty); failed <- err }()
	pgtest.Eventually(t, 10*time.Second, "it hangs", func() error {
		if count(t, s, `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%'||$1||'%'`, s.db.Schema()) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the call did not fail")
	}
}

// Four nodes that append to the same fifty topics at once leave no hole, wait for each other in no circle, and keep each ID once.
func TestNodesBeside(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	schema, j := newSchema(), newJournal()
	stores := make([]*Store, 4)
	for i := range stores {
		stores[i] = storeOn(t, pgdb.Config{URL: server.URL(), Schema: schema, Timeout: 20 * time.Second}, Config{})
	}
	var wg sync.WaitGroup
	for w := range 60 {
		wg.Go(func() {
			for i := range 60 {
				// Every third event is sent by two nodes.
				id := fmt.Sprintf("%d/%d", w, i)
				if i%3 == 0 {
					id = fmt.Sprintf("%d/%d", w/2, i)
				}
				j.write(t.Context(), stores[w%4], "topic "+strconv.Itoa((w/2*13+i)%50), id)
			}
		})
	}
	wg.Wait()
	if j.errs > 0 {
		t.Errorf("%d calls failed", j.errs)
	}
	for _, s := range stores {
		j.check(t, s)
		if n := testutil.ToFloat64(s.metrics.retries); n > 0 {
			t.Errorf("%v statements ran again", n)
		}
	}
}
