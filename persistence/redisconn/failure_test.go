package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestLostAnswerIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	cluster := redistest.StartCluster(t, 1)
	for name, c := range map[string]struct {
		proxy *redistest.Proxy
		conn  *redisconn.Conn
	}{
		"one server": {p, open(t, redisconn.Config{URL: p.URL()})},
		"cluster":    throughProxy(t, cluster),
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.conn.Do(t.Context(), redis.NewIntCmd(t.Context(), "incr", "n")); err != nil {
				t.Fatal(err)
			}
			var lost atomic.Int32
			for i := range 30 { // alone in its pipeline, and with others
				key, times := fmt.Sprint("n", i), 1+5*i
				c.proxy.LoseAnswer() // or that to something of go-redis' own
				var wg sync.WaitGroup
				for range times {
					wg.Go(func() {
						if err := c.conn.Do(t.Context(), redis.NewIntCmd(t.Context(), "incr", key)); redisconn.Reason(err) == "lost" {
							lost.Add(1)
						}
					})
				}
				wg.Wait()
				redistest.Eventually(t, soon, "no command runs twice", func() error {
					v, err := get(c.conn, t, key)
					if n, _ := strconv.Atoi(v); n > times {
						t.Errorf("%d commands ran %d times", times, n)
					}
					return err
				})
			}
			if lost.Load() < 3 {
				t.Errorf("only %d answers were lost", lost.Load())
			}
		})
	}
}

func throughProxy(t *testing.T, cluster *redistest.Cluster) struct {
	proxy *redistest.Proxy
	conn  *redisconn.Conn
} {
	p := cluster.Proxies(t)[0]
	return struct {
		proxy *redistest.Proxy
		conn  *redisconn.Conn
	}{p, open(t, redisconn.Config{URL: p.URL()})}
}

// Whatever hangs, no caller waits longer than Config.Timeout, and afterwards all is well.
func TestHangingServerHoldsNobody(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	const timeout = 300 * time.Millisecond
	c := open(t, redisconn.Config{URL: p.URL(), Timeout: timeout})
	for name, hang := range map[string]struct{ begin, end func() }{
		"server stopped":  {s.Pause, s.Resume},
		"half-open":       {p.Hang, func() { p.Heal(t) }},
		"nothing accepts": {func() { p.Hang(); p.Cut() }, func() { p.Heal(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			hang.begin()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					began := time.Now()
					err := set(c, t, "k", "v")
					if reason := redisconn.Reason(err); reason != "timeout" && reason != "lost" {
						t.Errorf("%s: %v", reason, err)
					}
					if took := time.Since(began); took > timeout+2*time.Second { // the machine may be busy; a second timeout is not
						t.Errorf("held for %v", took)
					}
				})
			}
			began := time.Now()
			err := c.Sequence(t.Context(), "k", redis.NewStatusCmd(t.Context(), "ping"))
			if took := time.Since(began); err == nil || took > timeout+2*time.Second {
				t.Errorf("Sequence took %v: %v", took, err)
			}
			wg.Wait()
			hang.end()
			redistest.Eventually(t, soon, "it works again", func() error { return set(c, t, "k", "v") })
		})
	}
}

func TestRestartsAndLostConnections(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, redisconn.Config{URL: s.URL()})
	if err := set(c, t, "k", "v"); err != nil {
		t.Fatal(err)
	}
	s.KillClients(t)
	if v, err := get(c, t, "k"); v != "v" || err != nil { // a connection that was ended meanwhile is seen before it is used
		t.Errorf("after the connections were ended: %q, %v", v, err)
	}
	s.Kill()
	if _, err := get(c, t, "k"); redisconn.Reason(err) != "refused" {
		t.Errorf("without a server: %s, %v", redisconn.Reason(err), err)
	}
	for range 100 { // more often than the pool has connections
		_, _ = get(c, t, "k")
	}
	s.Run(t)
	redistest.Eventually(t, soon, "it works again", func() error { return set(c, t, "k", "v") })
}

func withBreaker(t *testing.T, o breaker.Options) *breaker.Breaker {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	o.Backend, o.Answered, o.Reason = "redis", redisconn.Answered, redisconn.Reason
	b, err := breaker.New(system, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBreakerRefusesAtOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := withBreaker(t, breaker.Options{FailureThreshold: 3, ResetTimeout: time.Hour})
	c := open(t, redisconn.Config{URL: s.URL(), Timeout: 5 * time.Second, Breaker: b})
	if c.Breaker() != b {
		t.Error("another breaker")
	}
	for range 10 { // answers, though of errors
		_, _ = get(c, t, "missing")
		_ = c.Do(t.Context(), redis.NewCmd(t.Context(), "nonsense"))
	}
	if b.State() != breaker.Healthy {
		t.Fatal("error replies broke it")
	}
	s.Kill()
	for range 3 {
		if _, err := get(c, t, "k"); errors.Is(err, breaker.ErrOpen) || err == nil {
			t.Errorf("not broken yet: %v", err)
		}
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := get(c, t, "k"); !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("broken: %v", err)
			}
		})
	}
	wg.Wait()
	if err := c.Sequence(t.Context(), "k", redis.NewStatusCmd(t.Context(), "ping")); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("Sequence: %v", err)
	}
	s.Run(t)
	b.Reset()
	redistest.Eventually(t, soon, "it works again", func() error { return set(c, t, "k", "v") })
}

// A pipeline is one call for the breaker, however many commands it has.
func TestBreakerCountsPipelines(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := withBreaker(t, breaker.Options{FailureThreshold: 3, ResetTimeout: time.Hour})
	c := open(t, redisconn.Config{URL: s.URL(), Timeout: 300 * time.Millisecond, Lanes: 1, Breaker: b})
	s.Pause()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { _ = set(c, t, "k", "v") })
	}
	wg.Wait()
	if b.State() != breaker.Healthy {
		t.Error("50 commands in two or three pipelines broke it")
	}
	s.Resume()
}

// The table of what counts as a failure of the server, one by one as servers say it.
func TestAnsweredAndReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // "" is an answer
		"LOADING Redis is loading the dataset in memory":         "loading",
		"READONLY You can't write against a read only replica.":  "readonly",
		"MASTERDOWN Link with MASTER is down":                    "readonly",
		"CLUSTERDOWN The cluster is down":                        "error",
		"CLUSTERDOWN Hash slot not served":                       "error",
		"BUSY Redis is busy running a script.":                   "timeout",
		"ERR max number of clients reached":                      "refused",
		"NOAUTH Authentication required.":                        "refused",
		"WRONGPASS invalid username-password pair":               "refused",
		"BUSYGROUP Consumer Group name already exists":           "",
		"OOM command not allowed when used memory > 'maxmemory'": "",
		"MISCONF Redis is configured to save RDB snapshots":      "",
		"NOREPLICAS Not enough good replicas to write.":          "",
		"TRYAGAIN Multiple keys request during rehashing":        "",
		"MOVED 1 127.0.0.1:1":                                    "",
		"NOPERM this user has no permissions":                    "",
		"NOSCRIPT No matching script.":                           "",
		"WRONGTYPE Operation against a key":                      "",
		"ERR unknown command":                                    "",
	} {
		err := fmt.Errorf("redisstore: append: %w", replyOf(t, text))
		if got := redisconn.Answered(err); got != (want == "") {
			t.Errorf("%s: answered is %v", text, got)
		}
		if want == "" {
			want = "error"
		}
		if got := redisconn.Reason(err); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if !redisconn.Answered(redis.Nil) {
		t.Error("a missing key is no answer")
	}
	for want, err := range map[string]error{
		"timeout": redisconn.ErrTimeout,
		"refused": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"lost":    io.EOF,
		"error":   errors.New("hunter2"),
	} {
		if got := redisconn.Reason(err); got != want || redisconn.Answered(err) {
			t.Errorf("%v: %q, want %q, and no answer", err, got, want)
		}
	}
}

// replyOf lets go-redis read an error reply as it comes from a server.
func replyOf(t *testing.T, text string) error {
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := server.Read(buf); err != nil {
				return
			}
			if _, err := server.Write([]byte("-" + text + "\r\n")); err != nil {
				return
			}
		}
	}()
	c := redis.NewClient(&redis.Options{Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1, PipelinePoolSize: -1,
		Dialer: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
	defer c.Close()
	err := c.Do(t.Context(), "anything").Err()
	if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(text, "ERR ")) {
		t.Fatalf("%s came as %v", text, err)
	}
	return err
}

// A server that refuses new connections with an error reply has answered none of the
// commands that were meant for them.
// (BUS-27)
func TestRefusedConnectionAnswersNobody(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	admin := s.Client(t)
	if err := admin.Do(t.Context(), "acl", "setuser", "ann", "on", ">first", "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	c := open(t, redisconn.Config{URL: strings.Replace(s.URL(), "redis://", "redis://ann:first@", 1)})
	if err := admin.Do(t.Context(), "acl", "setuser", "ann", "resetpass", ">second").Err(); err != nil {
		t.Fatal(err)
	}
	s.KillClients(t)
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			publish := redis.NewIntCmd(t.Context(), "publish", "channel", i)
			if err := c.Do(t.Context(), publish); err == nil {
				t.Error("a command that was never sent counts as answered")
			}
			if err := c.Sequence(t.Context(), "k", redis.NewIntCmd(t.Context(), "incr", "k")); err == nil {
				t.Error("so does a sequence")
			}
		})
	}
	callers.Wait()
}
