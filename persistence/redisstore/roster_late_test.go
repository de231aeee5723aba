package redisstore

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A detour is a way to a server on which one command may stay behind, though its caller has given it
// up, as TCP does it when a network fails for a while.
type detour struct {
	addr, target string
	mu           sync.Mutex
	held         func(sent []byte) bool // nil: nothing is held
	behind       chan struct{}          // closed to let what stayed behind go on
	arrived      chan struct{}          // closed when the server has answered it
}

func startDetour(t *testing.T, target string) *detour {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &detour{addr: l.Addr().String(), target: target}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { d.carry(t.Context(), c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return d
}

// hold has the next command for which f is true stay behind, until the result is called. It
// returns when the server has answered the command.
func (d *detour) hold(t *testing.T, f func(sent []byte) bool) (release func()) {
	behind, arrived := make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.behind, d.arrived = f, behind, arrived
	return func() {
		t.Helper()
		d.mu.Lock()
		unused := d.held != nil
		d.mu.Unlock()
		if unused {
			t.Fatal("nothing stayed behind")
		}
		close(behind)
		select {
		case <-arrived:
		case <-time.After(10 * time.Second):
			t.Fatal("what stayed behind never arrived")
		}
	}
}

func (d *detour) catches(sent []byte) (behind, arrived chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil || !d.held(sent) {
		return nil, nil
	}
	d.held = nil
	return d.behind, d.arrived
}

// A lane is one connection on the detour.
type lane struct {
	from, to net.Conn
	mu       sync.Mutex
	answered chan struct{} // to be closed at the next answer
}

func (d *detour) carry(ctx context.Context, from net.Conn) {
	to, err := net.Dial("tcp", d.target)
	if err != nil {
		_ = from.Close()
		return
	}
	l := &lane{from: from, to: to}
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	var answers sync.WaitGroup
	answers.Go(l.answer)
	defer answers.Wait()
	defer l.close()
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if behind, arrived := d.catches(buf[:n]); behind != nil {
			l.later(ctx, bytes.Clone(buf[:n]), behind, arrived)
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *lane) close() { _, _ = l.from.Close(), l.to.Close() }

// answer brings what the server says.
func (l *lane) answer() {
	buf := make([]byte, 64<<10)
	for {
		n, err := l.to.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		if l.answered != nil {
			close(l.answered)
			l.answered = nil
		}
		l.mu.Unlock()
		_, _ = l.from.Write(buf[:n])
	}
}

// later delivers when it may what its sender has given up.
func (l *lane) later(ctx context.Context, sent []byte, behind, arrived chan struct{}) {
	_, _ = io.Copy(io.Discard, l.from)
	for _, step := range []struct {
		wait chan struct{}
		then func()
	}{
		{behind, func() {
			l.mu.Lock()
			l.answered = arrived
			l.mu.Unlock()
			_, _ = l.to.Write(sent)
		}},
		{arrived, func() {}},
	} {
		select {
		case <-step.wait:
			step.then()
		case <-ctx.Done():
			return
		}
	}
}

// late returns rosters behind a detour, and others that are not.
func late(t *testing.T) (slow, other *Rosters, d *detour) {
	t.Helper()
	server := redistest.Start(t)
	d = startDetour(t, server.Addr())
	prefix := newEpoch() + ":"
	slow = NewRosters(connect(t, redisconn.Config{URL: "redis://" + d.addr, Prefix: prefix, Timeout: time.Second}))
	other = NewRosters(connect(t, redisconn.Config{URL: server.URL(), Prefix: prefix}))
	return slow, other, d
}

func showing(key, value string) roster.Op { return roster.Op{Key: key, Value: []byte(value)} }

// sends reports on commands that call a script with an argument.
func sends(hash, argument string) func([]byte) bool {
	return func(sent []byte) bool {
		return bytes.Contains(sent, []byte(hash)) && bytes.Contains(sent, []byte("\r\n"+argument+"\r\n"))
	}
}

// A call that was given up and reaches Redis late undoes nothing that came after it.
func TestRosterLateCalls(t *testing.T) {
	t.Parallel()
	apply := rosterApplyScript.Hash()
	for name, tt := range map[string]struct {
		first []roster.Op // before
		late  roster.Op   // is given up
		then  []roster.Op // comes after it
		want  map[string]string
	}{
		"a put after the drop":         {[]roster.Op{showing("stays", "1")}, showing("k", "late"), []roster.Op{{Key: "k"}}, map[string]string{"stays": "1"}},
		"a put after the last drop":    {[]roster.Op{showing("k", "1")}, showing("k", "late"), []roster.Op{{Key: "k"}}, nil},
		"the first put after its drop": {nil, showing("k", "late"), []roster.Op{{Key: "k"}}, nil},
		"a drop after the put":         {[]roster.Op{showing("k", "1")}, roster.Op{Key: "k"}, []roster.Op{showing("k", "2")}, map[string]string{"k": "2"}},
		"a put after another":          {[]roster.Op{showing("k", "1")}, showing("k", "late"), []roster.Op{showing("k", "2")}, map[string]string{"k": "2"}},
		"a put after one of another":   {[]roster.Op{showing("k", "1"), showing("l", "1")}, showing("k", "late"), []roster.Op{showing("l", "2")}, map[string]string{"k": "1", "l": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, other, d := late(t)
			if _, err := r.Apply(t.Context(), "r", "x", tt.first, 0); err != nil {
				t.Fatal(err)
			}
			held := func(sent []byte) bool { // not the first try of a put that has to register
				return sends(apply, "k")(sent) && (len(tt.first) > 0 || bytes.Contains(sent, []byte(r.writer+".")))
			}
			release := d.hold(t, held)
			if a, err := r.Apply(t.Context(), "r", "x", []roster.Op{tt.late}, 0); err == nil {
				t.Fatalf("it was answered: %+v", a)
			}
			after := applyOps(t, r, tt.then...)
			release()
			n, err := other.Load(t.Context(), "r")
			if err != nil || n.Version != after.Version || len(n.Members) != len(tt.want) {
				t.Fatalf("%+v, %v; want version %d with %v", n, err, after.Version, tt.want)
			}
			for key, value := range tt.want {
				if string(n.Members[key]) != value {
					t.Errorf("%s is %q, want %q", key, n.Members[key], value)
				}
			}
		})
	}
}

func applyOps(t testing.TB, r *Rosters, ops ...roster.Op) roster.Applied {
	t.Helper()
	a, err := r.Apply(t.Context(), "r", "x", ops, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A node that left a roster and came back is found by Bury, also if its having left is noted late.
func TestRosterLateUnregister(t *testing.T) {
	t.Parallel()
	r, other, d := late(t)
	applyOps(t, r, showing("k", "1"))
	release := d.hold(t, sends(rosterUnregisterScript.Hash(), "r"))
	applyOps(t, r, roster.Op{Key: "k"})
	applyOps(t, r, showing("k", "2"))
	release()
	if err := other.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if n, err := other.Load(t.Context(), "r"); err != nil || len(n.Members) > 0 {
		t.Errorf("after Bury there is %+v, %v", n, err)
	}
}

// A zombie whose put comes after it was buried changes nothing.
func TestRosterLateAfterBury(t *testing.T) {
	t.Parallel()
	r, other, d := late(t)
	release := d.hold(t, func(sent []byte) bool {
		return bytes.Contains(sent, []byte(r.writer+".")) && sends(rosterApplyScript.Hash(), "k")(sent)
	})
	if a, err := r.Apply(t.Context(), "r", "x", []roster.Op{showing("k", "late")}, 0); err == nil {
		t.Fatalf("it was answered: %+v", a)
	}
	if err := other.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	release()
	if n, err := other.Load(t.Context(), "r"); err != nil || len(n.Members) > 0 {
		t.Errorf("after Bury there is %+v, %v", n, err)
	}
}

// A Redis that comes back with older data numbers versions a second time in the same epoch. What lives
// showed before that is there again, and Bury finds it.
func TestRosterStaleData(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
	old := applyOps(t, r, showing("ann", "1"))
	if err := server.Client(t).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	rdb := filepath.Join(server.Dir(), "test.rdb")
	kept, err := os.ReadFile(rdb)
	if err != nil {
		t.Fatal(err)
	}
	applyOps(t, r, showing("bob", "1"))
	applyOps(t, r, roster.Op{Key: "ann"})
	server.Kill()
	if err := os.WriteFile(rdb, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Run(t)
	redistest.Eventually(t, 10*time.Second, "the connection is back", func() error { _, err := r.Load(t.Context(), "r"); return err })
	if n := wantMembers(t, r, "r", "ann=1"); n.Version != old.Version || n.Epoch != old.Epoch {
		t.Errorf("%+v, want the place of %+v", n, old)
	}
	if a := applyOps(t, r, showing("cy", "1")); a.Epoch != old.Epoch || a.Version != 2 {
		t.Errorf("%+v follows %+v", a, old)
	}
	if err := r.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	wantMembers(t, r, "r", "")
}
