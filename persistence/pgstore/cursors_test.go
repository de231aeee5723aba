package pgstore

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var cases atomic.Int32
	storetest.Cursors(t, func(t *testing.T) cursor.Store {
		return NewCursors(pgtest.Open(t, url, pgdb.Config{Schema: fmt.Sprint("case_", cases.Add(1))}))
	}, storetest.CursorOptions{})
}

func openCursors(t testing.TB) *Cursors {
	t.Helper()
	return NewCursors(pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{}))
}

func cursorAt(key string, number uint64, data string) cursor.Entry {
	return cursor.Entry{Key: key, Number: number, User: []byte("null"), Data: []byte(data)}
}

func saveCursors(t testing.TB, s *Cursors, ttl time.Duration, entries ...cursor.Entry) {
	t.Helper()
	if err := s.Save(t.Context(), "t", "a", entries, ttl); err != nil {
		t.Fatal(err)
	}
}

func loadCursors(t testing.TB, s *Cursors) string {
	t.Helper()
	list, err := s.Load(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, e := range list {
		said += fmt.Sprintf("%s=%s ", e.Key, e.Data)
	}
	return said
}
