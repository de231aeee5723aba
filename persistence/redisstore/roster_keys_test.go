package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// lifetimes are the keys of a connection's own, without its prefix, and how long they have.
func lifetimes(t *testing.T, conn *redisconn.Conn) map[string]time.Duration {
	t.Helper()
	keys, err := conn.Client().Keys(t.Context(), conn.Names().Prefix()+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[string]time.Duration)
	for _, key := range keys {
		d, err := conn.Client().PTTL(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		left[strings.TrimPrefix(key, conn.Names().Prefix())] = max(d, 0)
	}
	return left
}

// wantKeys compares keys and how long they last, to the minute above; 0 is for ever.
func wantKeys(t *testing.T, conn *redisconn.Conn, want map[string]time.Duration) {
	t.Helper()
	got := lifetimes(t, conn)
	for key, left := range want {
		if d, ok := got[key]; !ok || d > left || d < left-time.Minute {
			t.Errorf("%s lasts %v (%t), want %v", key, d, ok, left)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("there are also %v", got)
	}
}

// Nothing stays for ever that nobody needs, and nothing goes that somebody does.
func TestRosterKeysExpire(t *testing.T) {
	t.Parallel()
	r := NewRosters(connect(t, redisconn.Config{URL: redistest.Start(t).URL()}))
	const idle, late, tomb = 10 * time.Minute, 2 * time.Minute, 20 * time.Minute
	applyOps(t, r, showing("ann", "1"))
	used := map[string]time.Duration{"{r}:roster:head": 0, "{r}:roster:members": 0, "{r}:roster:lives": 0,
		"{r}:roster:lives:x": 0, "{life:x}:rosters": 0}
	wantKeys(t, r.conn, used)
	applyOps(t, r, roster.Op{Key: "ann"})
	rests := map[string]time.Duration{"{r}:roster:head": idle, "{r}:roster:wrote:x": late}
	wantKeys(t, r.conn, rests)
	applyOps(t, r, showing("ann", "1"))
	used["{r}:roster:wrote:x"] = late
	wantKeys(t, r.conn, used)
	applyOps(t, r, roster.Op{Key: "ann"}, roster.Op{Key: "bob"})

	// The head of a roster that is looked at stays.
	head := r.names.RosterKey("r", "head")
	for _, short := range []time.Duration{time.Minute, 6 * time.Minute} {
		if err := r.conn.Client().PExpire(t.Context(), head, short).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Check(t.Context(), "r"); err != nil {
			t.Fatal(err)
		}
		want := short
		if short < idle/2 {
			want = idle
		}
		rests["{r}:roster:head"] = want
		wantKeys(t, r.conn, rests)
	}

	applyOps(t, r, showing("ann", "1"))
	if err := r.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, r.conn, map[string]time.Duration{"{r}:roster:head": idle, "{r}:roster:wrote:x": late, "{r}:roster:dead:x": tomb, "{life:x}:buried": tomb})
}

// What is closed leaves no more than the mark, and a life's list of rosters does not grow.
func TestRosterClosedKeys(t *testing.T) {
	t.Parallel()
	r := NewRosters(connect(t, redisconn.Config{URL: redistest.Start(t).URL()}))
	applyOps(t, r, showing("ann", "1"))
	text := "v"
	if err := errors.Join(r.Note(t.Context(), "r", map[string]*string{"k": &text}), r.Close(t.Context(), "r", 30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, r.conn, map[string]time.Duration{"{r}:roster:closed": 30 * time.Minute, "{r}:roster:wrote:x": 2 * time.Minute})
	if err := errors.Join(r.Close(t.Context(), "r", 1<<63-1), r.Close(t.Context(), "r", -1)); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, 5*time.Second, "it is open", func() error {
		if s, err := r.Check(t.Context(), "r"); err != nil || s.Closed {
			return fmt.Errorf("%+v, %w", s, err)
		}
		return nil
	})
	// A put that is refused, on a full roster, leaves no entry either.
	applyOps(t, r, showing("ann", "1"))
	if a, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("bob", "1")}, 1); err != nil || len(a.Refused) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, there := lifetimes(t, r.conn)["{life:y}:rosters"]; there {
		t.Error("y is on the list of a roster where it shows nobody")
	}
}

// A scribe notes what is sent to Redis.
type scribe struct {
	mu   sync.Mutex
	cmds [][]any
}

func (s *scribe) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (s *scribe) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { s.note(cmd); return next(ctx, cmd) }
}

func (s *scribe) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { s.note(cmds...); return next(ctx, cmds) }
}

func (s *scribe) note(cmds ...redis.Cmder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cmd := range cmds {
		s.cmds = append(s.cmds, slices.Clone(cmd.Args()))
	}
}

// PRE-32: Redis is never told a time of day, so a node's clock may say what it will.
func TestRosterPRE32NoClock(t *testing.T) {
	t.Parallel()
	r := NewRosters(connect(t, redisconn.Config{URL: redistest.Start(t).URL()}))
	var sent scribe
	r.conn.Client().(*redis.Client).AddHook(&sent)
	applyOps(t, r, showing("ann", "1"))
	applyOps(t, r, showing("ann", "2"), showing("bob", "1"))
	applyOps(t, r, roster.Op{Key: "ann"}, roster.Op{Key: "bob"})
	text := "v"
	_, load := r.Load(t.Context(), "r")
	_, check := r.Check(t.Context(), "r")
	if err := errors.Join(load, check, r.Bury(t.Context(), "x", "r"), r.Note(t.Context(), "r", map[string]*string{"k": &text}),
		r.Close(t.Context(), "r", time.Hour), r.Reopen(t.Context(), "r")); err != nil {
		t.Fatal(err)
	}
	if len(sent.cmds) < 10 {
		t.Fatalf("only %d commands were seen", len(sent.cmds))
	}
	for _, args := range sent.cmds {
		for _, arg := range args {
			n, err := strconv.ParseFloat(fmt.Sprint(arg), 64)
			for unit := time.Nanosecond; err == nil && unit <= time.Second; unit *= 1000 {
				if now := float64(time.Now().UnixNano()) / float64(unit); n > now*0.9 && n < now*1.1 {
					t.Errorf("%.200v holds a time of day", args)
				}
			}
		}
	}
}

// work is what commands cost a server, apart from time: calls inside of scripts and bytes of answers.
func work(t *testing.T, client redis.UniversalClient) (calls, bytes int) {
	t.Helper()
	info, err := client.InfoMap(t.Context(), "commandstats", "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for name, stat := range info["Commandstats"] {
		var n int
		if _, err := fmt.Sscanf(stat, "calls=%d", &n); err != nil {
			t.Fatal(err)
		}
		if name != "cmdstat_info" {
			calls += n
		}
	}
	if bytes, err = strconv.Atoi(info["Stats"]["total_net_output_bytes"]); err != nil {
		t.Fatal(err)
	}
	return calls, bytes
}

// PRE-34: what a join and a leave cost does not depend on who else is there.
func TestRosterPRE34Cost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	costs := make(map[string]int)
	for _, others := range []int{10, 5000} {
		r := NewRosters(connect(t, redisconn.Config{URL: server.URL()}))
		populate(t, r, "r", others)
		applyOps(t, r, showing("first", "1"))
		for _, op := range []roster.Op{showing("ann", "1"), {Key: "ann"}} {
			what := "join"
			if op.Value == nil {
				what = "leave"
			}
			calls, size := work(t, client)
			_, noise := work(t, client) // what the question costs
			noise -= size
			_, size = work(t, client)
			a := applyOps(t, r, op)
			after, sizeAfter := work(t, client)
			cost := after - calls
			if sent := sizeAfter - size - noise; sent > 600 {
				t.Errorf("a %s among %d made Redis send %d bytes", what, others, sent)
			}
			if before, known := costs[what]; known && before != cost {
				t.Errorf("a %s among %d took %d calls, among fewer %d", what, a.Count, cost, before)
			}
			costs[what] = cost
		}
	}
}

// A Bury that fails anywhere is made good by the next, and nobody's leave is told twice.
func TestRosterBuryThroughFailures(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	prefix := newEpoch() + ":"
	r := NewRosters(connect(t, redisconn.Config{URL: server.URL(), Prefix: prefix}))
	shaky := NewRosters(connect(t, redisconn.Config{URL: proxy.URL(), Prefix: prefix, Timeout: time.Second}))
	for room := range 12 {
		for n := 0; n < 2000; n += 1000 {
			if _, err := r.Apply(t.Context(), fmt.Sprint("r", room), "x", joins(n, 1000), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	frames := r.conn.Client().PSubscribe(t.Context(), prefix+"*")
	defer func() { _ = frames.Close() }()
	if _, err := frames.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for err := errors.New("not yet"); err != nil && failed < 100; failed++ {
		if failed < 8 {
			proxy.LoseAnswer()
		}
		err = shaky.Bury(t.Context(), "x")
	}
	if failed < 4 {
		t.Errorf("Bury failed %d times", failed-1)
	}
	told := make(map[string]int)
	for room := range 12 {
		name := fmt.Sprint("r", room)
		if n := wantMembers(t, r, name, ""); n.Version != 2+4 {
			t.Errorf("%s is at version %d, want 6", name, n.Version)
		}
	}
	for range 12 * 4 {
		msg, err := frames.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(msg.Payload, "\n")
		for _, part := range strings.FieldsFunc(rest, func(c rune) bool { return c == '-' || c == '\n' }) {
			if strings.HasPrefix(part, "u") { // a key; the others are lengths
				told[msg.Channel+" "+part]++
			}
		}
	}
	if len(told) != 12*2000 {
		t.Errorf("%d leaves were told, want %d", len(told), 12*2000)
	}
	for key, n := range told {
		if n != 1 {
			t.Errorf("%s left %d times", key, n)
		}
	}
}
