package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

// plainCursors is a correct cursor.Store of a few lines, and what can be wrong with it.
type plainCursors struct {
	cursorFaults
	mu     sync.Mutex
	topics map[string]map[string]plainCursor
}

type plainCursor struct {
	cursor.Entry
	until time.Time
}

type cursorFaults struct {
	wins   func(e cursor.Entry, have plainCursor) bool // of two entries of a key
	entry  func(e cursor.Entry) cursor.Entry           // changes what is kept
	name   func(of string) string
	key    func(key string) string
	gap    func() // between looking and writing
	keep   bool   // nothing expires
	all    bool   // everything expires with what is saved first
	life   string // instead of the saver's
	twice  bool
	ended  bool // contexts are not looked at
	memory bool // what expired still counts
	limit  int
}

func newPlainCursors(f cursorFaults) *plainCursors {
	if f.wins == nil {
		f.wins = func(e cursor.Entry, have plainCursor) bool { return e.Number > have.Number }
	}
	if f.limit == 0 {
		f.limit = 1 << 20
	}
	return &plainCursors{cursorFaults: f, topics: map[string]map[string]plainCursor{}}
}

func (s *plainCursors) of(name string) map[string]plainCursor {
	if s.name != nil {
		name = s.name(name)
	}
	if s.topics[name] == nil {
		s.topics[name] = map[string]plainCursor{}
	}
	return s.topics[name]
}

func (s *plainCursors) Save(ctx context.Context, of, life string, entries []cursor.Entry, ttl time.Duration) error {
	if ctx.Err() != nil && !s.ended {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries[:min(len(entries), s.limit)] {
		t, key := s.of(of), e.Key
		if s.key != nil {
			key = s.key(key)
		}
		have, ok := t[key]
		if s.gap != nil {
			s.mu.Unlock()
			s.gap()
			s.mu.Lock()
		}
		if ok && (s.memory || have.until.After(time.Now())) && !s.wins(e, have) {
			continue
		}
		if e.Life = life; s.life != "" {
			e.Life = s.life
		}
		if s.entry != nil {
			e = s.entry(e)
		}
		until := time.Now().Add(ttl)
		for _, first := range t {
			if s.all {
				until = first.until
			}
		}
		if t[key] = (plainCursor{e, until}); e.Data == nil {
			delete(t, key)
		}
	}
	return nil
}

func (s *plainCursors) Load(ctx context.Context, of string) (list []cursor.Entry, err error) {
	if ctx.Err() != nil && !s.ended {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.of(of) {
		if c.Left = time.Until(c.until); c.Left > 0 || s.keep {
			list = append(list, c.Entry)
			if s.twice {
				list = append(list, c.Entry)
			}
		}
	}
	return list, nil
}

func TestCursorsSuitePasses(t *testing.T) {
	t.Parallel()
	Cursors(t, func(*testing.T) cursor.Store { return newPlainCursors(cursorFaults{}) }, CursorOptions{Bubble: synctest.Test})
}

var cursorBreaks = []struct {
	name   string
	faults cursorFaults
	caught []string
}{
	{"a key twice", cursorFaults{twice: true}, []string{"CUR-09/what_is_saved_is_loaded"}},
	{"another life", cursorFaults{life: "x"}, []string{"CUR-09/what_is_saved_is_loaded", "CUR-09/bytes"}},
	{"bytes are lost", cursorFaults{entry: func(e cursor.Entry) cursor.Entry {
		e.User = slices.DeleteFunc(slices.Clone(e.User), func(r byte) bool { return r == '\n' })
		return e
	}}, []string{"CUR-09/bytes"}},
	{"half of many", cursorFaults{limit: 256}, []string{"CUR-09/as_much_as_the_port_allows"}},
	{"one board for all", cursorFaults{name: func(string) string { return "" }}, []string{"CUR-09/topics_and_keys_do_not_interfere"}},
	{"keys are one", cursorFaults{key: func(key string) string { return key[:1] }}, []string{"CUR-09/topics_and_keys_do_not_interfere"}},
	{"removals are not done", cursorFaults{wins: func(e cursor.Entry, have plainCursor) bool { return e.Data != nil && e.Number > have.Number }},
		[]string{"CUR-07/removed_is_gone", "CUR-10/another_life_removes_what_the_dead_had"}},
	{"the last one counts", cursorFaults{wins: func(cursor.Entry, plainCursor) bool { return true }},
		[]string{"CUR-07/what_is_older_changes_nothing", "CUR-07/the_same_again_changes_nothing", "CUR-10/another_life_removes_what_the_dead_had"}},
	{"equal ones count", cursorFaults{wins: func(e cursor.Entry, have plainCursor) bool { return e.Number >= have.Number }},
		[]string{"CUR-07/the_same_again_changes_nothing", "CUR-10/another_life_removes_what_the_dead_had"}},
	{"nothing expires", cursorFaults{keep: true}, []string{"CUR-10/entries_expire_one_by_one", "CUR-10/moving_keeps_an_entry"}},
	{"all expires at once", cursorFaults{all: true}, []string{"CUR-10/entries_expire_one_by_one", "CUR-10/moving_keeps_an_entry"}},
	{"what expired counts", cursorFaults{memory: true}, []string{"CUR-10/an_expired_number_does_not_count"}},
	{"looks and then writes", cursorFaults{gap: func() { time.Sleep(time.Microsecond) }}, []string{"CUR-15/savers_beside_each_other"}},
	{"contexts are not looked at", cursorFaults{ended: true}, []string{"context/ended_before"}},
}

func cursorCatches(t *testing.T, c cursorCase, f cursorFaults) bool {
	w := &witness{}
	synctest.Test(t, func(t *testing.T) {
		w.T = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(&cursorScene{w, newPlainCursors(f)})
		}()
		<-done
	})
	return w.Failed()
}

// TestCursorsSuiteCatches breaks a store in many ways. For each, the cases named must fail,
// and no case is left that can not.
func TestCursorsSuiteCatches(t *testing.T) {
	t.Parallel()
	idle := map[string]bool{}
	for _, c := range cursorCases {
		idle[c.name] = true
	}
	for _, b := range cursorBreaks {
		for _, name := range b.caught {
			delete(idle, name)
			at := slices.IndexFunc(cursorCases, func(c cursorCase) bool { return c.name == name })
			if at < 0 {
				t.Fatalf("there is no case %s", name)
			}
			caught := cursorCatches(t, cursorCases[at], b.faults)
			for tries := 1; !caught && b.faults.gap != nil && tries < 30; tries++ { // who comes last is chance
				caught = cursorCatches(t, cursorCases[at], b.faults)
			}
			if !caught {
				t.Errorf("%s: case %s did not notice", b.name, name)
			}
		}
	}
	for name := range idle {
		t.Errorf("nothing shows that case %s can fail", name)
	}
}
