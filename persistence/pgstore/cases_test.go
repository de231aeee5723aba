package pgstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// TestCases are those of the conformance list that storetest can not know; PGR-02 to PGR-08 are tests of their own,
// and what is about the schema is in pgdb.
func TestCases(t *testing.T) {
	t.Parallel()
	t.Run("PGR-01 two nodes first publish on an empty database at once", func(t *testing.T) {
		t.Parallel()
		firstPublish(t)
	})
	t.Run("REP-23 what one node published another one reads", func(t *testing.T) {
		t.Parallel()
		sharedHistory(t)
	})
	t.Run("REP-24 a node that is started again finds everything", func(t *testing.T) {
		t.Parallel()
		nodeRestarts(t)
	})
	t.Run("REP-18 missing rows are told as a gap", func(t *testing.T) {
		t.Parallel()
		missingRows(t)
	})
	t.Run("REP-13 what can not be kept", func(t *testing.T) {
		t.Parallel()
		refusedValues(t)
	})
	t.Run("REP-11 a database that lost its data has another epoch", func(t *testing.T) {
		t.Parallel()
		lostData(t)
	})
}

func firstPublish(t *testing.T) {
	url, schema := pgtest.Shared(t).URL(), newSchema()
	var wg sync.WaitGroup
	numbers := make(chan uint64, 2)
	for range 2 {
		db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s := New(Config{DB: db})
		t.Cleanup(func() { closeStore(t, s) })
		wg.Go(func() {
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
				return
			}
			a, err := s.Append(t.Context(), "t", events(1), plenty)
			if err != nil {
				t.Error(err)
				return
			}
			numbers <- a.Results[0].Seq
		})
	}
	wg.Wait()
	if a, b := <-numbers, <-numbers; a+b != 3 {
		t.Errorf("numbers %d and %d, want 1 and 2", a, b)
	}
}

func sharedHistory(t *testing.T) {
	at := pgdb.Config{URL: pgtest.Shared(t).URL(), Schema: newSchema()}
	a, b := storeOn(t, at, Config{}), storeOn(t, at, Config{})
	put(t, a, "t", withID("1", "x"))
	put(t, b, "t", withID("1", "y"), event("z"))
	wantNumbers(t, get(t, a, "t"), 2, 1, 1, 2)
	if x, y := get(t, a, "t"), get(t, b, "t"); x.Head != y.Head || string(y.Records[0].Data) != `"x"` {
		t.Errorf("%v and %v", x, y)
	}
}

func nodeRestarts(t *testing.T) {
	server := pgtest.Start(t)
	at := pgdb.Config{URL: server.URL()}
	before := storeOn(t, at, Config{})
	a := put(t, before, "t", event("x"), withID("1", "1"))
	closeStore(t, before)
	server.Stop(t)
	server.Run(t)
	after := storeOn(t, at, Config{})
	p := get(t, after, "t")
	wantNumbers(t, p, 2, 1, 1, 2)
	for _, r := range p.Records {
		if !r.At.Equal(a.At) {
			t.Errorf("number %d came at %v, Append said %v", r.Seq, r.At, a.At)
		}
	}
	b := put(t, after, "t", withID("1", "1"), event("y"))
	if b.Epoch != a.Epoch || !b.Results[0].Duplicate || b.Results[1].Seq != 3 {
		t.Errorf("got %+v after %+v", b, a)
	}
}

// missingRows are what somebody deleted by hand.
func missingRows(t *testing.T) {
	s := openStore(t, Config{})
	put(t, s, "t", events(10)...)
	exec(t, s, `delete from {schema}.events where seq in (4, 6)`)
	wantNumbers(t, get(t, s, "t"), 10, 7, 7, 8, 9, 10)
	wantNumbers(t, getAfter(t, s, "t", 6, plenty), 10, 1, 7, 8, 9, 10)
	wantNumbers(t, getAfter(t, s, "t", 5, plenty), 10, 7, 7, 8, 9, 10)
	p, err := s.Read(t.Context(), "t", 0, 4, plenty) // 1 2 3 | 5
	if err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, p, 10, 5, 5)
	if n := testutil.ToFloat64(s.metrics.corrupt); n < 3 {
		t.Errorf("%v holes are counted", n)
	}
	exec(t, s, `delete from {schema}.events where seq >= 9`)
	wantNumbers(t, getAfter(t, s, "t", 8, plenty), 10, 11)
	wantNumbers(t, get(t, s, "t"), 10, 11)
	if a := put(t, s, "t", event("x")); a.Results[0].Seq != 11 {
		t.Errorf("the next number is %d", a.Results[0].Seq)
	}
	exec(t, s, `delete from {schema}.events`)
	wantNumbers(t, get(t, s, "t"), 11, 12)
}

func refusedValues(t *testing.T) {
	s := openStore(t, Config{})
	for what, c := range map[string]struct {
		topic string
		entry topic.Entry
		want  ValueError
	}{
		"0 in data":         {"t", topic.Entry{Name: "e", Data: []byte("\"a\x00b\"")}, ValueError{Field: "data", Entry: 1}},
		"no UTF-8 in data":  {"t", topic.Entry{Name: "e", Data: []byte("\"a\xff\"")}, ValueError{Field: "data", Entry: 1}},
		"0 in name":         {"t", topic.Entry{Name: "e\x00", Data: []byte("1")}, ValueError{Field: "name", Entry: 1}},
		"no UTF-8 in name":  {"t", topic.Entry{Name: "\xc3", Data: []byte("1")}, ValueError{Field: "name", Entry: 1}},
		"0 in topic":        {"t\x00", event("x"), ValueError{Field: "topic"}},
		"no UTF-8 in topic": {"\xff", event("x"), ValueError{Field: "topic"}},
	} {
		_, err := s.Append(t.Context(), c.topic, []topic.Entry{event("fine"), c.entry}, plenty)
		got, ok := errors.AsType[*ValueError](err)
		if !ok || got.Field != c.want.Field || got.Entry != c.want.Entry {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, call := range []func() error{
		func() error { _, err := s.Read(t.Context(), "\xff", 0, 1, plenty); return err },
		func() error { return s.Clear(t.Context(), "\x00") },
		func() error { return s.Renew(t.Context(), "\x00", "x") },
	} {
		if _, ok := errors.AsType[*ValueError](call()); !ok {
			t.Errorf("%v", call())
		}
	}
	if err := s.Renew(t.Context(), "t", "\x00"); err != nil {
		t.Errorf("Renew with an epoch that is none: %v", err)
	}
	if p := get(t, s, "t"); p.Head.Seq != 0 {
		t.Errorf("something was kept: %v", p.Head)
	}
	if _, err := s.Append(t.Context(), "t", events(maxBatch+1), plenty); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a batch that is too large: %v", err)
	}
	if a := put(t, s, "t", events(maxBatch)...); a.Results[maxBatch-1].Seq != maxBatch {
		t.Errorf("the largest batch ends with %d", a.Results[maxBatch-1].Seq)
	}
}

func lostData(t *testing.T) {
	s := openStore(t, Config{})
	epochs := map[string]bool{}
	for range 3 {
		read := get(t, s, "t").Head.Epoch
		a := put(t, s, "t", events(5)...)
		if a.Epoch != read || epochs[a.Epoch] || a.Results[4].Seq != 5 {
			t.Errorf("read %q, then appended %+v; before %v", read, a, epochs)
		}
		epochs[a.Epoch] = true
		exec(t, s, `truncate {schema}.topics`)
	}
	a := put(t, s, "t", event("x")) // events of lives that nobody knows of are in nobody's way
	wantNumbers(t, get(t, s, "t"), 1, 1, 1)
	if epochs[a.Epoch] {
		t.Error("an epoch came back")
	}
}

// A page holds as much as topics do, and takes its size and nothing else.
func TestLargePages(t *testing.T) {
	t.Parallel()
	s := storeOn(t, pgdb.Config{URL: pgtest.Shared(t).URL(), Schema: newSchema(), Timeout: 30 * time.Second}, Config{})
	want := make([]string, 60)
	for i := range want {
		want[i] = `"` + longText(100_000+i) + `"`
		put(t, s, "t", topic.Entry{Name: "e", Data: []byte(want[i])})
	}
	put(t, s, "t", topic.Entry{Name: "e", Data: []byte(`"` + strings.Repeat("x", 16<<20) + `"`)})
	p := get(t, s, "t")
	if len(p.Records) != 61 {
		t.Fatalf("%d records", len(p.Records))
	}
	for i, text := range want {
		if string(p.Records[i].Data) != text {
			t.Errorf("record %d came back with %d bytes, want %d", i, len(p.Records[i].Data), len(text))
		}
	}
}

// IDs may be of any length and any bytes.
func TestLongIDs(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	long := strings.Repeat("i", 10_000)
	ids := []string{"\x00", "\xff", "\xff\x00", long, long + "x", long[:255], long[:256], long[:257], string(idBytes(long))}
	for i, id := range ids {
		if a := put(t, s, "t", withID(id, "x")); a.Results[0] != (topic.Result{Seq: uint64(i + 1)}) {
			t.Errorf("ID %d of %d bytes: %+v", i, len(id), a.Results[0])
		}
	}
	for i, id := range ids {
		if a := put(t, s, "t", withID(id, "x")); a.Results[0] != (topic.Result{Seq: uint64(i + 1), Duplicate: true}) {
			t.Errorf("ID %d of %d bytes a second time: %+v", i, len(id), a.Results[0])
		}
	}
}

// A backup that was put back gives numbers a second time, in the same epoch. Who notices has the epoch renewed.
func TestOldDataIsRenewed(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	epoch := put(t, s, "t", events(3)...).Epoch
	put(t, s, "t", events(10)...)
	exec(t, s, `update {schema}.topics set seq = 3`)
	exec(t, s, `delete from {schema}.events where seq > 3`)
	wantNumbers(t, get(t, s, "t"), 3, 1, 1, 2, 3)
	if err := s.Renew(t.Context(), "t", epoch); err != nil {
		t.Fatal(err)
	}
	if a := put(t, s, "t", event("x")); a.Epoch == epoch || a.Results[0].Seq != 4 {
		t.Errorf("after Renew: %+v", a)
	}
}

// A topic that was forgotten while somebody appends to it is made again.
func TestForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	wg.Go(func() {
		for ctx.Err() == nil {
			exec(t, s, `delete from {schema}.topics`)
			pause(ctx, 30*time.Millisecond)
		}
	})
	for range 100 {
		put(t, s, "t", events(2)...)
		get(t, s, "t")
	}
	stop()
	wg.Wait()
}
