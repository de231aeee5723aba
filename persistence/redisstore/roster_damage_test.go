package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// wantMembers compares a roster with "key=value" words.
func wantMembers(t testing.TB, r *Rosters, name, want string) roster.Snapshot {
	t.Helper()
	n, err := r.Load(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	members := strings.Fields(want)
	for _, word := range members {
		if key, value, _ := strings.Cut(word, "="); string(n.Members[key]) != value {
			t.Errorf("%s is %q, want %q", key, n.Members[key], value)
		}
	}
	if len(n.Members) != len(members) {
		t.Errorf("members are %q, want %q", n.Members, want)
	}
	return n
}

func poisoned(a roster.Applied) string { return fmt.Sprint(a.Version, " ", a.Count, " ", a.Changes) }

// PRE-31: a record that no node wrote is not there, and is written over.
func TestRosterPoisonedRecords(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for _, record := range []string{"", "x", "\n", "x\n", "\nx", "{}", `{"ts":"soon"}`, "\x00\xff", strings.Repeat("x", 1<<20), "0", "-1"} {
		t.Run(fmt.Sprintf("PRE-31 %.20q", record), func(t *testing.T) {
			t.Parallel()
			r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
			applyOps(t, r, showing("ann", "1"), showing("bob", "1"), showing("cy", "1"))
			poison := func(keys ...string) {
				for _, key := range keys {
					if err := client.HSet(t.Context(), r.names.RosterKey("r", "members"), key, record).Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
			poison("ann", "bob", "eve", "mallory")
			wantMembers(t, r, "r", "cy=1")
			for _, step := range []struct {
				op   roster.Op
				want string
			}{
				{showing("ann", "1"), "2 5 [{ann [49]}]"}, // nobody saw it meanwhile
				{roster.Op{Key: "bob"}, "3 4 [{bob []}]"},
				{showing("eve", "1"), "4 4 [{eve [49]}]"},
				{roster.Op{Key: "mallory"}, "4 3 []"},
				{roster.Op{Key: "mallory"}, "4 3 []"},
			} {
				if got := poisoned(applyOps(t, r, step.op)); got != step.want {
					t.Errorf("%s: %s, want %s", step.op.Key, got, step.want)
				}
			}
			wantMembers(t, r, "r", "ann=1 cy=1 eve=1")
			poison("cy", "mallory")
			if err := r.Bury(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			wantMembers(t, r, "r", "")
			if a, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("zoe", "1"), showing("mallory", "1")}, 2); err != nil || len(a.Changes) != 2 || a.Count != 2 {
				t.Errorf("what was written over takes up a place: %+v, %v", a, err)
			}
		})
	}
}

// What is poisoned beside the members does no harm either.
func TestRosterDamagedKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for name, damage := range map[string]func(r *Rosters) error{
		"a life": func(r *Rosters) error {
			return client.HSet(t.Context(), r.names.RosterKey("r", "lives"), "x", "many").Err()
		},
		"other lives": func(r *Rosters) error {
			return client.HSet(t.Context(), r.names.RosterKey("r", "lives"), "a b", "1", "", "").Err()
		},
		"all lives": func(r *Rosters) error { return client.Del(t.Context(), r.names.RosterKey("r", "lives")).Err() },
		"last writer": func(r *Rosters) error {
			return client.Set(t.Context(), r.names.RosterLifeKey("r", "wrote", "x"), "x x", 0).Err()
		},
		"its rosters": func(r *Rosters) error { return client.Del(t.Context(), r.names.LifeKey("x", "rosters")).Err() },
		"it is listed": func(r *Rosters) error {
			return client.HSet(t.Context(), r.names.LifeKey("x", "rosters"), "r", "", "no", "1").Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
			applyOps(t, r, showing("ann", "1"), showing("bob", "1"))
			if err := damage(r); err != nil {
				t.Fatal(err)
			}
			if got := poisoned(applyOps(t, r, showing("ann", "2"), roster.Op{Key: "bob"})); got != "2 1 [{ann [50]} {bob []}]" {
				t.Error(got)
			}
			if s, err := r.Check(t.Context(), "r"); err != nil || s.Lives["x"] != 1 || len(s.Lives) != 1 {
				t.Errorf("%+v, %v", s, err)
			}
			if err := r.Bury(t.Context(), "x", "r"); err != nil {
				t.Fatal(err)
			}
			wantMembers(t, r, "r", "")
		})
	}
}

// A head that makes no sense, or is lost, begins another epoch.
func TestRosterDamagedHead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for _, fields := range [][]string{nil, {"version", ""}, {"version", "x"}, {"version", "-1"}, {"version", "0"}, {"version", "1.5"},
		{"version", "1e300"}, {"version", "nan"}, {"epoch", ""}, {"epoch", "two words"}, {"epoch", "\n"}, {"epoch", strings.Repeat("x", 65)}} {
		t.Run(fmt.Sprintf("%.30q", fields), func(t *testing.T) {
			t.Parallel()
			r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
			before := applyOps(t, r, showing("ann", "1"), showing("bob", "1"))
			if _, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("ann", "2")}, 0); err != nil {
				t.Fatal(err)
			}
			head := r.names.RosterKey("r", "head")
			err := client.Del(t.Context(), head).Err()
			if fields != nil {
				err = client.HSet(t.Context(), head, "epoch", before.Epoch, "version", "7", fields[0], fields[1]).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
			wantMembers(t, r, "r", "")
			after := applyOps(t, r, showing("cy", "1"))
			if after.Epoch == before.Epoch || after.Version != 1 || after.Count != 1 {
				t.Errorf("%+v follows %+v", after, before)
			}
			wantMembers(t, r, "r", "cy=1")
			if s, err := r.Check(t.Context(), "r"); err != nil || s.Lives["x"] != 1 || len(s.Lives) != 1 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// A key of another program's is left alone, and told.
func TestRosterForeignKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
	foreign := func(name, what string) {
		t.Helper()
		if _, err := r.Apply(t.Context(), name, "y", []roster.Op{showing("bob", "1")}, 0); err != nil {
			t.Fatal(err)
		}
		key := r.names.RosterKey(name, what)
		if err := errors.Join(client.Del(t.Context(), key).Err(), client.Set(t.Context(), key, "foreign", 0).Err()); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"head", "members", "lives", "lives:x"} {
		foreign("of "+what, what)
		for range 2 {
			if a, err := r.Apply(t.Context(), "of "+what, "x", []roster.Op{showing("ann", "1")}, 0); !errors.Is(err, ErrForeign) {
				t.Errorf("%s: %+v, %v", what, a, err)
			}
		}
		if n, err := r.Load(t.Context(), "of "+what); err == nil && n.Version != 1 || n.Members["ann"] != nil {
			t.Errorf("%s: a call that failed left %+v", what, n)
		}
	}
	// One such roster does not keep the others from being cleaned up.
	applyOps(t, r, showing("ann", "1"))
	foreign("broken", "members")
	if err := client.HSet(t.Context(), r.names.LifeKey("x", "rosters"), "broken", "1", "a", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Bury(t.Context(), "x"); !errors.Is(err, ErrForeign) {
		t.Errorf("Bury: %v", err)
	}
	wantMembers(t, r, "r", "")
	for _, what := range []string{"head", "members", "lives"} { // to close it removes them
		if err := r.Close(t.Context(), "of "+what, time.Minute); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := r.Reopen(t.Context(), "of "+what); err != nil {
			t.Errorf("Reopen: %v", err)
		}
		if _, err := r.Apply(t.Context(), "of "+what, "y", []roster.Op{showing("ann", "1")}, 0); err != nil {
			t.Errorf("after it: %v", err)
		}
	}
}

// A Redis that was emptied, or restarted without its data, has other epochs; one that was restarted with
// them goes on.
func TestRosterRestarts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
	last := applyOps(t, r, showing("ann", "1"))
	for what, lose := range map[string]func(){
		"FLUSHALL": func() {
			if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		},
		"restart without data": func() { server.Restart(t, false) },
	} {
		lose()
		var a roster.Applied
		redistest.Eventually(t, 10*time.Second, "the connection is back", func() (err error) {
			a, err = r.Apply(t.Context(), "r", "x", []roster.Op{showing("bob", "1")}, 0)
			return err
		})
		if a.Epoch == last.Epoch || a.Version != 1 || a.Count != 1 {
			t.Errorf("%s: %+v follows %+v", what, a, last)
		}
		last = a
	}
	server.Restart(t, true)
	redistest.Eventually(t, 10*time.Second, "the connection is back", func() error { _, err := r.Load(t.Context(), "r"); return err })
	if a := applyOps(t, r, showing("cy", "1")); a.Epoch != last.Epoch || a.Version != 2 || a.Count != 2 {
		t.Errorf("%+v follows %+v", a, last)
	}
	if err := r.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	wantMembers(t, r, "r", "")
}

// When Redis has no memory left nobody can join, and everybody can leave.
func TestRosterNoMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
	for _, name := range []string{"r", "closes"} {
		for _, life := range []string{"x", "y", "z"} {
			if _, err := r.Apply(t.Context(), name, life, []roster.Op{showing(life, "1"), showing("all", life)}, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if a, err := r.Apply(t.Context(), "r", "x", []roster.Op{showing("late", "1")}, 0); err == nil {
		t.Errorf("somebody joined: %+v", a)
	}
	wantMembers(t, r, "r", "all=z x=1 y=1 z=1")
	if a, err := r.Apply(t.Context(), "r", "x", []roster.Op{{Key: "x"}, {Key: "all"}}, 0); err != nil || len(a.Changes) != 1 {
		t.Errorf("x could not leave: %+v, %v", a, err)
	}
	if err := r.Bury(t.Context(), "z"); err != nil {
		t.Errorf("Bury: %v", err)
	}
	if n := wantMembers(t, r, "r", "all=y y=1"); n.Version != 5 {
		t.Errorf("version %d", n.Version)
	}
	if err := r.Close(t.Context(), "closes", time.Minute); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n, err := r.Load(t.Context(), "closes"); err != nil || !n.Closed || len(n.Members) > 0 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Frames are no larger than the relay carries, whatever the members' values are.
func TestRosterFramesAreBounded(t *testing.T) {
	t.Parallel()
	r := NewRosters(connect(t, redisconn.Config{URL: redistest.Start(t).URL()}))
	large := make([]roster.Op, 300)
	for i := range large {
		large[i] = showing(fmt.Sprint("k", i), strings.Repeat("x", roster.MaxValue))
	}
	if _, err := r.Apply(t.Context(), "r", "x", large, 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("18.75 MiB at once: %v", err)
	}
	for from := 0; from < len(large); from += 100 {
		applyOps(t, r, large[from:from+100]...)
		for i := range large[from : from+100] {
			if _, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing(large[from+i].Key, "other")}, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	frames := r.conn.Client().Subscribe(t.Context(), r.names.Channel("r"))
	defer func() { _ = frames.Close() }()
	if _, err := frames.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Bury(t.Context(), "y"); err != nil { // all values come back
		t.Fatal(err)
	}
	for size := 0; size < len(large)*roster.MaxValue; {
		msg, err := frames.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(msg.Payload) > 5<<20 {
			t.Errorf("a frame has %d bytes", len(msg.Payload))
		}
		size += len(msg.Payload)
	}
	if n, err := r.Load(t.Context(), "r"); err != nil || len(n.Members) != len(large) || len(n.Members["k0"]) != roster.MaxValue {
		t.Errorf("%d members, %v", len(n.Members), err)
	}
}
