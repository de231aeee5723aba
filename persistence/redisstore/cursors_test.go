package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func openCursors(t testing.TB, url string) *Cursors {
	t.Helper()
	conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: url, Prefix: newEpoch() + ":"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return NewCursors(conn)
}

func TestCursors(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	storetest.Cursors(t, func(t *testing.T) cursor.Store { return openCursors(t, server.URL()) }, storetest.CursorOptions{})
}

func TestCursorsOnCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	storetest.Cursors(t, func(t *testing.T) cursor.Store { return openCursors(t, cluster.URL()) }, storetest.CursorOptions{})
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

// A call that was given up does not undo a later one.
func TestCursorsLateCall(t *testing.T) {
	t.Parallel()
	s := openCursors(t, redistest.Start(t).URL())
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "1"))
	saveCursors(t, s, time.Minute, cursor.Entry{Key: "k", Number: 2})
	s.number.Add(^uint64(1)) // what comes now carries the numbers of calls that were before
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "late"))
	if got := loadCursors(t, s); got != "" {
		t.Errorf("a late call brought %s", got)
	}
	other := NewCursors(s.conn) // numbers of another node begin anew
	saveCursors(t, other, time.Minute, cursorAt("k", 3, "3"))
	if got := loadCursors(t, s); got != "k=3 " {
		t.Errorf("loaded %s", got)
	}
}

// What lies there and can not be understood is left out, and goes.
func TestCursorsDamage(t *testing.T) {
	t.Parallel()
	s := openCursors(t, redistest.Start(t).URL())
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "1"))
	key := s.names.Cursors("t")
	for i, v := range []string{
		"", "x", "1", "1 2", "1 9999999999999 1 1\n", "1 9999999999999 99 0\nabc", "1 9999999999999 0 99\nabc", "1 9999999999999 1 2\nabc",
		"1 9999999999999 1\nabc", "1 9999999999999 1 x\nabc", "-1 9999999999999 0 0\nabc", "99999999999999999999 9999999999999 1 1\nabc",
		"1 9999999999999 18446744073709551615 1\nabc", "1 9999999999999",
	} {
		if err := s.conn.Client().HSet(t.Context(), key, fmt.Sprint("c", i), v).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got := loadCursors(t, s); got != "k=1 " {
		t.Errorf("loaded %s", got)
	}
	saveCursors(t, s, time.Minute, cursorAt("1", 1, "mended"), cursorAt("0", 2, "mended"))
	if got := loadCursors(t, s); len(got) != len("k=1 0=mended 1=mended ") {
		t.Errorf("loaded %s", got)
	}
	if err := s.conn.Client().Set(t.Context(), s.names.Cursors("u"), "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "u"); err == nil {
		t.Error("another program's key was read")
	}
}

// Cursors that nobody reads or removes do not stay: the rest goes with what is saved later,
// and the hash by itself.
func TestCursorsAreDropped(t *testing.T) {
	t.Parallel()
	s := openCursors(t, redistest.Start(t).URL())
	var some []cursor.Entry
	for i := range 100 {
		some = append(some, cursorAt(fmt.Sprint(i), 1, "1"))
	}
	saveCursors(t, s, time.Second, some...)
	client, key := s.conn.Client(), s.names.Cursors("t")
	if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > 10*time.Minute {
		t.Errorf("the hash expires in %v", left)
	}
	n := uint64(1)
	redistest.Eventually(t, 20*time.Second, "expired cursors are dropped by saves", func() error {
		n++
		saveCursors(t, s, time.Minute, cursorAt("moves", n, "1"))
		if l := client.HLen(t.Context(), key).Val(); l > 2 {
			return fmt.Errorf("%d fields are left", l)
		}
		return nil
	})
}

func TestCursorsTooMany(t *testing.T) {
	t.Parallel()
	s := openCursors(t, redistest.Start(t).URL())
	some := make([]cursor.Entry, cursor.MaxEntries+1)
	if err := s.Save(t.Context(), "t", "a", some, time.Minute); err == nil {
		t.Error("more than MaxEntries were saved")
	}
	if err := s.Save(t.Context(), "t", "a", nil, time.Minute); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func BenchmarkCursorsSave(b *testing.B) {
	s := openCursors(b, redistest.Start(b).URL())
	some := make([]cursor.Entry, 100)
	n := uint64(0)
	for b.Loop() {
		n++
		for i := range some {
			some[i] = cursorAt(fmt.Sprint(i), n, `{"x":123.5,"y":456.25}`)
		}
		saveCursors(b, s, time.Minute, some...)
	}
}
