package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

var plenty = topic.Retention{Size: 100_000, Dedup: time.Hour}

func event(data string) topic.Entry {
	return topic.Entry{Name: "e", Data: []byte(strconv.Quote(data))}
}

func withID(id, data string) topic.Entry {
	e := event(data)
	e.ID = id
	return e
}

func events(n int) []topic.Entry {
	batch := make([]topic.Entry, n)
	for i := range batch {
		batch[i] = event(strconv.Itoa(i))
	}
	return batch
}

func put(t testing.TB, s *Store, name string, batch ...topic.Entry) topic.Appended {
	t.Helper()
	return putKeep(t, s, name, plenty, batch...)
}

func putKeep(t testing.TB, s *Store, name string, keep topic.Retention, batch ...topic.Entry) topic.Appended {
	t.Helper()
	a, err := s.Append(context.Background(), name, batch, keep)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t testing.TB, s *Store, name string) topic.Page {
	t.Helper()
	return getAfter(t, s, name, 0, plenty)
}

func getAfter(t testing.TB, s *Store, name string, after uint64, keep topic.Retention) topic.Page {
	t.Helper()
	p, err := s.Read(context.Background(), name, after, keep.Size, keep)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantNumbers compares where a page begins and ends.
func wantNumbers(t testing.TB, p topic.Page, head, oldest uint64, numbers ...uint64) {
	t.Helper()
	if p.Head.Seq != head || p.Oldest != oldest {
		t.Errorf("head %d, oldest %d; want %d, %d", p.Head.Seq, p.Oldest, head, oldest)
	}
	got := make([]uint64, len(p.Records))
	for i, r := range p.Records {
		got[i] = r.Seq
	}
	if !slices.Equal(got, numbers) {
		t.Errorf("numbers %v, want %v", got, numbers)
	}
}

// exec runs a statement behind the Store's back.
func exec(t testing.TB, s *Store, sql string, args ...any) {
	t.Helper()
	err := s.db.Run(context.Background(), func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, s.db.SQL(sql), args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t testing.TB, s *Store, sql string, args ...any) (n int64) {
	t.Helper()
	err := s.db.Run(context.Background(), func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, s.db.SQL(sql), args...).Scan(&n)
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// hold locks a topic's row in a transaction, and returns a func that ends it.
func hold(t testing.TB, s *Store, name string) (release func()) {
	t.Helper()
	conn, err := s.db.Connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	var tx pgx.Tx
	if tx, err = conn.Begin(t.Context()); err == nil {
		_, err = tx.Exec(t.Context(), s.db.SQL(`select from {schema}.topics where name = $1 for update`), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() { _ = conn.Close(context.Background()) })
}

// A journal is what writers were told, to be compared with what the topics hold.
type journal struct {
	mu   sync.Mutex
	told map[string]map[string]uint64 // topic, id: number
	errs int
}

func newJournal() *journal { return &journal{told: make(map[string]map[string]uint64)} }

// write appends an event with an ID of its own until it is told its number, as a publisher does, or ctx ends.
func (j *journal) write(ctx context.Context, s *Store, name string, ids ...string) {
	batch := make([]topic.Entry, len(ids))
	for i, id := range ids {
		batch[i] = withID(id, id)
	}
	for try := 0; ctx.Err() == nil; try++ {
		a, err := s.Append(ctx, name, batch, plenty)
		if err != nil {
			j.mu.Lock()
			j.errs++
			j.mu.Unlock()
			pause(ctx, min(time.Duration(try+1)*2*time.Millisecond, 50*time.Millisecond))
			continue
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.told[name] == nil {
			j.told[name] = make(map[string]uint64)
		}
		for i, r := range a.Results {
			j.told[name][ids[i]] = r.Seq
		}
		return
	}
}

// check looks that topics hold what was acknowledged, under the number that was told, once, and leave no hole.
func (j *journal) check(t testing.TB, s *Store) {
	t.Helper()
	total := 0
	for name, told := range j.told {
		p := get(t, s, name)
		if p.Oldest != 1 || p.Head.Seq != uint64(len(p.Records)) {
			t.Errorf("%s: head %d, oldest %d, %d records", name, p.Head.Seq, p.Oldest, len(p.Records))
		}
		held := make(map[string]uint64)
		for _, r := range p.Records {
			id, err := strconv.Unquote(string(r.Data))
			if err != nil {
				t.Fatal(err)
			}
			if at, twice := held[id]; twice {
				t.Errorf("%s: %s is kept twice, as %d and %d", name, id, at, r.Seq)
			}
			held[id] = r.Seq
		}
		for id, seq := range told {
			if held[id] != seq {
				t.Errorf("%s: %s was told %d, and has %d", name, id, seq, held[id])
			}
		}
		total += len(told)
	}
	t.Logf("%d topics, %d events acknowledged, %d errors on the way", len(j.told), total, j.errs)
}

// storm has writers append to topics until ctx ends.
func (j *journal) storm(ctx context.Context, stores []*Store, writers, topics int) (wait func()) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				ids := make([]string, 1+i%3)
				for k := range ids {
					ids[k] = fmt.Sprintf("%d/%d/%d", w, i, k)
				}
				j.write(ctx, stores[w%len(stores)], "t"+strconv.Itoa((w*7+i)%topics), ids...)
			}
		})
	}
	return wg.Wait
}
