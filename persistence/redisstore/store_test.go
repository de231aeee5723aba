package redisstore

import (
	"context"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var plenty = topic.Retention{Size: 10_000, Dedup: time.Minute}

// open returns a Store that shares nothing with others on the server.
func open(t testing.TB, url string) *Store {
	t.Helper()
	return openConfig(t, redisconn.Config{URL: url})
}

func openConfig(t testing.TB, cfg redisconn.Config) *Store {
	t.Helper()
	if cfg.Prefix == "" {
		cfg.Prefix = newEpoch() + ":"
	}
	conn, err := redisconn.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return New(Config{Conn: conn, Node: "test"})
}

func event(data string) topic.Entry {
	return topic.Entry{Name: "e", Data: []byte(strconv.Quote(data))}
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
	if len(got) != len(numbers) {
		t.Fatalf("numbers %v, want %v", got, numbers)
	}
	for i := range got {
		if got[i] != numbers[i] {
			t.Fatalf("numbers %v, want %v", got, numbers)
		}
	}
}
