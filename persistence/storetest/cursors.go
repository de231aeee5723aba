package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

// CursorOptions tell the suite about a cursor.Store.
type CursorOptions struct {
	// Bubble runs a case in which time is fake: synctest.Test. nil: time is real, and the
	// cases about age take some seconds.
	Bubble func(t *testing.T, test func(t *testing.T))
}

// A cursorScene is one case's store.
type cursorScene struct {
	T
	store cursor.Store
}

type cursorCase struct {
	name string
	run  func(s *cursorScene)
}

var cursorCases = []cursorCase{
	{"CUR-09/what_is_saved_is_loaded", cursorIsLoaded},
	{"CUR-09/bytes", cursorBytes},
	{"CUR-09/as_much_as_the_port_allows", cursorsMany},
	{"CUR-09/topics_and_keys_do_not_interfere", cursorsApart},
	{"CUR-07/removed_is_gone", cursorRemoved},
	{"CUR-07/what_is_older_changes_nothing", cursorOlder},
	{"CUR-07/the_same_again_changes_nothing", cursorSame},
	{"CUR-10/entries_expire_one_by_one", cursorsExpire},
	{"CUR-10/moving_keeps_an_entry", cursorKept},
	{"CUR-10/an_expired_number_does_not_count", cursorAfterExpiry},
	{"CUR-10/another_life_removes_what_the_dead_had", cursorOfTheDead},
	{"CUR-15/savers_beside_each_other", cursorsBeside},
	{"context/ended_before", cursorContextEnded},
}

// Cursors runs the suite of stores of cursors. Open returns an empty one and leaves closing
// it to t.Cleanup; every case calls it once.
func Cursors(t *testing.T, open func(t *testing.T) cursor.Store, opts CursorOptions) {
	t.Helper()
	for _, c := range cursorCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T) { c.run(&cursorScene{t, open(t)}) }
			if opts.Bubble == nil {
				test(t)
				return
			}
			opts.Bubble(t, test)
		})
	}
}

func at(key string, number uint64, data string) cursor.Entry {
	return cursor.Entry{Key: key, Number: number, User: []byte(`{"name":1}`), Data: []byte(data)}
}

func gone(key string, number uint64) cursor.Entry { return cursor.Entry{Key: key, Number: number} }

func (s *cursorScene) save(of, life string, ttl time.Duration, entries ...cursor.Entry) {
	s.Helper()
	if err := s.store.Save(s.Context(), of, life, entries, ttl); err != nil {
		s.Fatalf("Save(%q): %v", of, err)
	}
}

func (s *cursorScene) load(of string) map[string]cursor.Entry {
	s.Helper()
	list, err := s.store.Load(s.Context(), of)
	if err != nil {
		s.Fatalf("Load(%q): %v", of, err)
	}
	found := make(map[string]cursor.Entry, len(list))
	for _, e := range list {
		if _, twice := found[e.Key]; twice {
			s.Errorf("key %q comes twice", e.Key)
		}
		if e.Data == nil || e.Left <= 0 {
			s.Errorf("key %q: data %q, left %v", e.Key, e.Data, e.Left)
		}
		found[e.Key] = e
	}
	return found
}

// want compares keys, numbers and data.
func (s *cursorScene) want(of string, entries ...cursor.Entry) {
	s.Helper()
	if fault := s.differs(of, entries...); fault != "" {
		s.Errorf("topic %q: %s", of, fault)
	}
}

func (s *cursorScene) differs(of string, entries ...cursor.Entry) string {
	s.Helper()
	found := s.load(of)
	for _, e := range entries {
		f, ok := found[e.Key]
		if !ok || f.Number != e.Number || string(f.Data) != string(e.Data) || string(f.User) != string(e.User) {
			return fmt.Sprintf("key %q is %t number %d, user %.40s, data %.40s; want %d, %.40s, %.40s",
				e.Key, ok, f.Number, f.User, f.Data, e.Number, e.User, e.Data)
		}
	}
	if len(found) != len(entries) {
		return fmt.Sprintf("%d cursors, want %d", len(found), len(entries))
	}
	return ""
}

// eventually waits for what a store does by its own clock.
func (s *cursorScene) eventually(of string, within time.Duration, entries ...cursor.Entry) {
	s.Helper()
	fault := ""
	for end := time.Now().Add(within); time.Now().Before(end); {
		if fault = s.differs(of, entries...); fault == "" {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	s.Errorf("topic %q, after %v: %s", of, within, fault)
}

func cursorIsLoaded(s *cursorScene) {
	s.want("t")
	s.save("t", "a.1", time.Minute, at("k1", 5, `{"x":1}`), at("k2", 6, "2"))
	s.save("t", "b.7", time.Minute, at("k3", 7, "3"))
	s.want("t", at("k1", 5, `{"x":1}`), at("k2", 6, "2"), at("k3", 7, "3"))
	found := s.load("t")
	if found["k1"].Life != "a.1" || found["k3"].Life != "b.7" {
		s.Errorf("lives %q, %q", found["k1"].Life, found["k3"].Life)
	}
	if left := found["k1"].Left; left > time.Minute || left < 30*time.Second {
		s.Errorf("%v left of a minute", left)
	}
	s.save("t", "a.1", time.Minute, at("k1", 8, "8"))
	s.want("t", at("k1", 8, "8"), at("k2", 6, "2"), at("k3", 7, "3"))
}

func cursorBytes(s *cursorScene) {
	e := at("k", 1<<53-1, "{ \"a\" :\t1.0e+400,\n\"b\":\"é\\u00e9\x7f\" }")
	e.User = []byte("[\"\n 12 34\\n\"]")
	s.save("t", "näh:2/%", time.Minute, e)
	s.want("t", e)
	if life := s.load("t")["k"].Life; life != "näh:2/%" {
		s.Errorf("life %q", life)
	}
}

func cursorsMany(s *cursorScene) {
	var all []cursor.Entry
	pad := strings.Repeat("x", 1900)
	for round := range 6 {
		var some []cursor.Entry
		for i := range cursor.MaxEntries {
			some = append(some, at(fmt.Sprint(round, "/", i), uint64(i+1), `"`+pad+`"`))
		}
		s.save("t", "a", time.Minute, some...)
		all = append(all, some...)
	}
	large := at("large", 1, `"`+strings.Repeat("y", 60_000)+`"`)
	s.save("t", "a", time.Minute, large)
	s.want("t", append(all, large)...)
	var removals []cursor.Entry
	for _, e := range all[:cursor.MaxEntries] {
		removals = append(removals, gone(e.Key, e.Number+1))
	}
	s.save("t", "a", time.Minute, removals...)
	s.want("t", append(all[cursor.MaxEntries:], large)...)
}

func cursorsApart(s *cursorScene) {
	names := []string{"t", "T", "t ", "{t}", "t}", "%7Bt", "a:b", "a", "nodes", "été"}
	keys := []string{"k", "c", "w", "wa:a", "ck", "k\nk", "k k", "0", "ß{}"}
	for i, name := range names {
		for j, key := range keys {
			s.save(name, "a", time.Minute, at(key, 1, fmt.Sprint(i*100+j)))
		}
	}
	for i, name := range names {
		var entries []cursor.Entry
		for j, key := range keys {
			entries = append(entries, at(key, 1, fmt.Sprint(i*100+j)))
		}
		s.want(name, entries...)
	}
}

func cursorRemoved(s *cursorScene) {
	s.save("t", "a", time.Minute, at("k1", 1, "1"), at("k2", 2, "2"))
	s.save("t", "a", time.Minute, gone("k1", 3), gone("never", 4), at("k3", 5, "3"))
	s.want("t", at("k2", 2, "2"), at("k3", 5, "3"))
	s.save("t", "a", time.Minute, at("k1", 6, "back"))
	s.want("t", at("k1", 6, "back"), at("k2", 2, "2"), at("k3", 5, "3"))
}

func cursorOlder(s *cursorScene) {
	s.save("t", "b", time.Minute, at("k1", 10, "new"), at("k2", 1<<53-1, "new"))
	s.save("t", "a", time.Minute, at("k1", 9, "old"), gone("k2", 1<<53-2))
	s.want("t", at("k1", 10, "new"), at("k2", 1<<53-1, "new"))
}

func cursorSame(s *cursorScene) {
	s.save("t", "a", time.Minute, at("k1", 10, "first"))
	s.save("t", "a", time.Minute, at("k1", 10, "second"))
	s.save("t", "a", time.Minute, gone("k1", 10))
	s.want("t", at("k1", 10, "first"))
}

func cursorsExpire(s *cursorScene) {
	s.save("t", "a", time.Second, at("k1", 1, "1"))
	s.save("t", "a", time.Minute, at("k2", 2, "2"))
	s.want("t", at("k1", 1, "1"), at("k2", 2, "2"))
	s.eventually("t", 5*time.Second, at("k2", 2, "2"))
}

func cursorKept(s *cursorScene) {
	s.save("t", "a", time.Second, at("silent", 1, "1"), at("moves", 2, "2"))
	s.save("t", "a", time.Minute, at("moves", 3, "3"))
	s.eventually("t", 5*time.Second, at("moves", 3, "3"))
}

func cursorAfterExpiry(s *cursorScene) {
	s.save("t", "a", time.Second, at("k", 100, "1"))
	s.save("t", "a", time.Minute, at("other", 1, "1"))
	s.eventually("t", 5*time.Second, at("other", 1, "1"))
	s.save("t", "b", time.Minute, at("k", 50, "2"))
	s.want("t", at("k", 50, "2"), at("other", 1, "1"))
}

func cursorOfTheDead(s *cursorScene) {
	s.save("t", "dead", time.Minute, at("k1", 1, "1"), at("k2", 2, "2"))
	s.save("t", "reborn", time.Minute, at("k2", 3, "3"))
	s.save("t", "survivor", time.Minute, gone("k1", 2), gone("k2", 3))
	s.want("t", at("k2", 3, "3"))
}

func cursorsBeside(s *cursorScene) {
	var wg sync.WaitGroup
	var want []cursor.Entry
	for life := range 4 {
		key := fmt.Sprint("own", life)
		want = append(want, at(key, 50, "50"))
		wg.Go(func() {
			for n := range uint64(50) {
				if err := s.store.Save(s.Context(), "t", fmt.Sprint(life), []cursor.Entry{
					at(key, n+1, fmt.Sprint(n+1)), at("shared", 4*n+uint64(life)+1, fmt.Sprint(n)),
				}, time.Minute); err != nil {
					s.Errorf("Save: %v", err)
				}
				if _, err := s.store.Load(s.Context(), "t"); err != nil {
					s.Errorf("Load: %v", err)
				}
			}
		})
	}
	wg.Wait()
	s.want("t", append(want, at("shared", 200, "49"))...)
}

func cursorContextEnded(s *cursorScene) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := s.store.Save(ctx, "t", "a", []cursor.Entry{at("k", 1, "1")}, time.Minute); !errors.Is(err, context.Canceled) {
		s.Errorf("Save: %v", err)
	}
	if _, err := s.store.Load(ctx, "t"); !errors.Is(err, context.Canceled) {
		s.Errorf("Load: %v", err)
	}
	s.want("t")
}
