package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

const rowsOf = `select count(*) from {schema}.events e join {schema}.topics t on t.id = e.topic where t.name = $1`

// Under steady appends the tables stay about as large as what counts.
func TestTrimKeepsUp(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	keep := topic.Retention{Size: 100}
	var wg sync.WaitGroup
	most := int64(0)
	const topics, rounds, batch = 4, 150, 20
	for n := range topics {
		wg.Go(func() {
			for range rounds {
				putKeep(t, s, "t"+strconv.Itoa(n), keep, events(batch)...)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			most = max(most, count(t, s, `select count(*) from {schema}.events`))
		}
	}
	bound := int64(topics) * int64(100+slack(100))
	pgtest.Eventually(t, 10*time.Second, "old events are removed", func() error {
		if n := count(t, s, `select count(*) from {schema}.events`); n > bound {
			return fmt.Errorf("%d rows, want %d at most", n, bound)
		}
		return nil
	})
	t.Logf("%d events, never more than %d rows", topics*rounds*batch, most)
	if most > topics*rounds*batch/2 {
		t.Errorf("there were %d rows at once, of %d events", most, topics*rounds*batch)
	}
	for n := range topics {
		p := getAfter(t, s, "t"+strconv.Itoa(n), 0, keep)
		if p.Oldest != rounds*batch-99 || len(p.Records) != 100 {
			t.Errorf("oldest %d, %d records", p.Oldest, len(p.Records))
		}
	}
}

// After Clear a topic is trimmed by its new numbers.
func TestTrimAfterClear(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	keep := topic.Retention{Size: 10}
	for range 3 {
		for range 20 {
			putKeep(t, s, "t", keep, events(20)...)
		}
		pgtest.Eventually(t, 10*time.Second, "old events are removed", func() error {
			if n := count(t, s, rowsOf, "t"); n > int64(10+slack(10)) {
				return fmt.Errorf("%d rows", n)
			}
			return nil
		})
		if err := s.Clear(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
	}
}

// PGR-03: what can not be removed fails no publish, keeps no other topic from being trimmed, and is
// removed by the sweep later.
func TestPGR03TrimFails(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{Registerer: prometheus.NewPedanticRegistry()})
	keep := topic.Retention{Size: 10}
	put(t, s, "bad", event("x"))
	exec(t, s, `create function {schema}.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
	exec(t, s, `create trigger refuse before delete on {schema}.events for each row
		when (old.topic = `+strconv.FormatInt(count(t, s, `select id from {schema}.topics where name = 'bad'`), 10)+`) execute function {schema}.refuse()`)
	for range 30 {
		putKeep(t, s, "bad", keep, events(10)...)
		putKeep(t, s, "good", keep, events(10)...)
	}
	pgtest.Eventually(t, 10*time.Second, "the good one is trimmed", func() error {
		if n := count(t, s, rowsOf, "good"); n > int64(10+slack(10)) {
			return fmt.Errorf("%d rows", n)
		}
		return nil
	})
	if n := count(t, s, rowsOf, "bad"); n != 301 {
		t.Errorf("%d rows, want all 301", n)
	}
	if testutil.ToFloat64(s.metrics.trimErrors) == 0 {
		t.Error("the failure is not counted")
	}
	wantNumbers(t, getAfter(t, s, "bad", 299, keep), 301, 292, 300, 301)
	sweepUntil(t, s, "good", 10, func(err error) bool { return err != nil })
	exec(t, s, `drop trigger refuse on {schema}.events`)
	sweepUntil(t, s, "bad", 10, func(err error) bool { return err == nil })
}

// sweepUntil sweeps until a topic has so many rows; what is being trimmed anyway is left out by a sweep.
func sweepUntil(t *testing.T, s *Store, name string, rows int64, right func(error) bool) {
	t.Helper()
	pgtest.Eventually(t, 10*time.Second, "the sweep removes old events of "+name, func() error {
		if err := s.sweep(t.Context()); !right(err) {
			return fmt.Errorf("it ended with %v", err)
		}
		if n := count(t, s, rowsOf, name); n != rows {
			return fmt.Errorf("%d rows, want %d", n, rows)
		}
		return nil
	})
}

// PGR-04: events age by the database's time.
func TestPGR04SweepByAge(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	keep := topic.Retention{Size: 5000, TTL: time.Hour}
	for _, name := range []string{"half", "all"} {
		putKeep(t, s, name, keep, events(2500)...)
	}
	putKeep(t, s, "lasts", topic.Retention{Size: 5000}, events(10)...)
	exec(t, s, `update {schema}.events e set at = at - interval '2 hours' from {schema}.topics t
		where t.id = e.topic and (t.name <> 'half' or e.seq <= 2400)`)
	wantNumbers(t, getAfter(t, s, "half", 2498, keep), 2500, 2401, 2499, 2500)
	wantNumbers(t, getAfter(t, s, "all", 0, keep), 2500, 2501)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"half": 100, "all": 0, "lasts": 10} {
		if n := count(t, s, rowsOf, name); n != want {
			t.Errorf("%s has %d rows after the sweep, want %d", name, n, want)
		}
	}
	if n := count(t, s, `select emptied from {schema}.topics where name = 'all'`); n != 2500 {
		t.Errorf("emptied up to %d, want 2500", n)
	}
	a := putKeep(t, s, "all", keep, event("next"))
	wantNumbers(t, getAfter(t, s, "all", 0, keep), 2501, 2501, 2501)
	if a.Results[0].Seq != 2501 {
		t.Errorf("the next number is %d", a.Results[0].Seq)
	}
}

// The sweep looks at all topics, in pages.
func TestSweepManyTopics(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	exec(t, s, `insert into {schema}.topics (name, seq, size) select 'topic ' || i, 3, 1 from generate_series(1, $1) i`, 2*scanRows+7)
	exec(t, s, `insert into {schema}.events (topic, seq, at, name, data)
		select t.id, n, clock_timestamp(), 'e', '1' from {schema}.topics t, generate_series(1, 3) n`)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, `select count(*) from {schema}.events`); n != 2*scanRows+7 {
		t.Errorf("%d rows, want one a topic", n)
	}
}

// Rows that belong to nothing any more are removed: of cleared topics, expired ids, and topics that hold nothing and
// that nobody has used for a day.
func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	batch := make([]topic.Entry, 2500)
	for i := range batch {
		batch[i] = withID(strconv.Itoa(i), "x")
	}
	for _, name := range []string{"cleared", "ids"} {
		put(t, s, name, batch...)
	}
	for range 2 { // the second time there is nothing left of the first
		if err := s.Clear(t.Context(), "cleared"); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, s, `update {schema}.ids set expires = clock_timestamp() where length(id) < 4`)
	for _, name := range []string{"forgotten", "read", "held", "remembers"} {
		getAfter(t, s, name, 0, plenty)
	}
	put(t, s, "held", event("x"))
	put(t, s, "remembers", withID("1", "x"))
	exec(t, s, `delete from {schema}.events e using {schema}.topics t where t.id = e.topic and t.name = 'remembers'`)
	exec(t, s, `update {schema}.topics set used = clock_timestamp() - interval '2 days', emptied = case when name = 'remembers' then 1 else 0 end`)
	getAfter(t, s, "read", 0, plenty)
	pgtest.Eventually(t, 10*time.Second, "reading counts as use", func() error {
		if count(t, s, `select count(*) from {schema}.topics where name = 'read' and used > clock_timestamp() - interval '1 hour'`) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	for _, task := range s.Tasks() {
		if err := task.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
	for sql, want := range map[string]int64{
		`select count(*) from {schema}.cleared`:                            0,
		`select count(*) from {schema}.events`:                             2501,
		`select count(*) from {schema}.ids`:                                1501,
		`select count(*) from {schema}.topics`:                             4,
		`select count(*) from {schema}.topics where name in ('forgotten')`: 0,
	} {
		if n := count(t, s, sql); n != want {
			t.Errorf("%s: %d, want %d", sql, n, want)
		}
	}
}

// A trim that is too large for the time it has is tried smaller.
func TestTrimGrowsSmaller(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	put(t, s, "t", events(100)...)
	exec(t, s, `update {schema}.topics set size = 10`)
	exec(t, s, `create function {schema}.linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return old; end $$`)
	exec(t, s, `create trigger linger before delete on {schema}.events for each row execute function {schema}.linger()`)
	m := mark{limit: trimRows}
	pgtest.Eventually(t, 30*time.Second, "it is trimmed", func() error {
		return s.trimAll(context.Background(), "t", &m, &pacer{rate: 1e6})
	})
	if n := count(t, s, rowsOf, "t"); n != 10 {
		t.Errorf("%d rows, want 10", n)
	}
}

// Two nodes that trim the same topic do not wait for each other.
func TestTrimmedByOne(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	put(t, s, "t", events(10)...)
	exec(t, s, `update {schema}.topics set size = 1`)
	conn, err := s.db.Connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "select pg_advisory_lock($1)", s.db.LockKey("trim/t")); err != nil {
		t.Fatal(err)
	}
	if gone, more, err := s.trim(t.Context(), "t", &mark{limit: 100}); gone != -1 || more || err != nil {
		t.Errorf("beside another one: %d, %t, %v", gone, more, err)
	}
	if _, err := conn.Exec(t.Context(), "select pg_advisory_unlock_all()"); err != nil {
		t.Fatal(err)
	}
	if gone, more, err := s.trim(t.Context(), "t", &mark{limit: 5}); gone != 5 || !more || err != nil {
		t.Errorf("five at most: %d, %t, %v", gone, more, err)
	}
	if gone, more, err := s.trim(t.Context(), "t", &mark{limit: 5}); gone != 4 || more || err != nil {
		t.Errorf("the rest: %d, %t, %v", gone, more, err)
	}
}
