package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestDo(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	c := open(t, redisconn.Config{URL: redistest.Start(t).URL(), Registerer: reg})
	if c.Cluster() {
		t.Error("one server is taken for a Cluster")
	}
	if err := set(c, t, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, err := get(c, t, "k"); v != "v" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := get(c, t, "missing"); !errors.Is(err, redis.Nil) {
		t.Errorf("a missing key: %v", err)
	}
	if err := c.Do(t.Context(), redis.NewIntCmd(t.Context(), "incr", "k")); !redis.HasErrorPrefix(err, "value is not an integer") {
		t.Errorf("an error reply: %v", err)
	}
	const want = `
# HELP troupe_redis_commands_total Commands, by outcome: ok, denied (an error reply), failed (no answer), timeout, canceled (by the caller), refused (by the breaker), overloaded (too many waited).
# TYPE troupe_redis_commands_total counter
troupe_redis_commands_total{outcome="canceled"} 0
troupe_redis_commands_total{outcome="denied"} 1
troupe_redis_commands_total{outcome="failed"} 0
troupe_redis_commands_total{outcome="ok"} 3
troupe_redis_commands_total{outcome="overloaded"} 0
troupe_redis_commands_total{outcome="refused"} 0
troupe_redis_commands_total{outcome="timeout"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_redis_commands_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// The protocol of Redis 5, which some that speak Redis' language are limited to.
func TestOldProtocol(t *testing.T) {
	t.Parallel()
	c := open(t, redisconn.Config{URL: redistest.Start(t).URL() + "?protocol=2"})
	if err := set(c, t, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, err := get(c, t, "k"); v != "v" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

// Callers together get each its own answer, and far fewer pipelines leave than
// there are commands. The error of one is nobody else's.
func TestCallersShareAPipeline(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := redistest.Start(t)
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, Registerer: reg})
	const callers, each = 100, 50
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			key := fmt.Sprint("k", i)
			for n := range each {
				if i%10 == 0 {
					if err := c.Do(t.Context(), redis.NewCmd(t.Context(), "nonsense")); !redis.HasErrorPrefix(err, "unknown command") {
						t.Errorf("nonsense: %v", err)
					}
					continue
				}
				cmd := redis.NewIntCmd(t.Context(), "incr", key)
				if err := c.Do(t.Context(), cmd); err != nil || cmd.Val() != int64(n+1) {
					t.Errorf("%s: %d, %v, want %d", key, cmd.Val(), err, n+1)
				}
			}
		})
	}
	wg.Wait()
	if n := pipelines(t, reg); n > callers*each/4 {
		t.Errorf("%v pipelines for %d commands", n, callers*each)
	}
	if n := waiting(t, reg); n != 0 {
		t.Errorf("%v commands are counted as waiting when none is", n)
	}
}

// What waits together is larger than one pipeline may be, in number and in bytes.
func TestPipelinesAreBounded(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	reg := prometheus.NewRegistry()
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, Registerer: reg, Timeout: 20 * time.Second})
	release := occupy(t, c, s)
	large := strings.Repeat("x", 700_000)
	var wg sync.WaitGroup
	for i := range 3000 {
		wg.Go(func() {
			value := "v"
			if i%500 == 0 {
				value = large
			}
			if err := set(c, t, fmt.Sprint(i), value); err != nil {
				t.Error(err)
			}
		})
	}
	wait(t, reg, 3001)
	release()
	wg.Wait()
	if n := pipelines(t, reg); n < 7 || n > 20 {
		t.Errorf("%v pipelines, want one for each large value, and few more", n)
	}
	if n, err := s.Client(t).DBSize(t.Context()).Result(); n != 3000 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
}

func TestOverload(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	reg := prometheus.NewRegistry()
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, MaxQueued: 10, Registerer: reg, Timeout: 20 * time.Second})
	release := occupy(t, c, s)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := set(c, t, "k", "v"); err != nil {
				t.Error(err)
			}
		})
	}
	wait(t, reg, 11)
	if err := set(c, t, "k", "v"); !errors.Is(err, redisconn.ErrOverloaded) {
		t.Errorf("the eleventh: %v", err)
	}
	release()
	wg.Wait()
	if err := set(c, t, "k", "v"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What waits is bounded in bytes too, and a command that is larger than the bound
// goes all the same when nothing else waits.
func TestOverloadInBytes(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	reg := prometheus.NewRegistry()
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, Registerer: reg, Timeout: 30 * time.Second})
	release := occupy(t, c, s)
	var wg sync.WaitGroup
	large := strings.Repeat("x", 65<<20)
	wg.Go(func() {
		if err := set(c, t, "large", large); err != nil {
			t.Error(err)
		}
	})
	wait(t, reg, 2)
	if err := set(c, t, "k", "v"); !errors.Is(err, redisconn.ErrOverloaded) {
		t.Errorf("behind it: %v", err)
	}
	release()
	wg.Wait()
	if n, err := s.Client(t).StrLen(t.Context(), "large").Result(); n != int64(len(large)) || err != nil {
		t.Errorf("%d bytes arrived, %v", n, err)
	}
}

func TestCallerThatLeaves(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, redisconn.Config{URL: s.URL(), Timeout: 20 * time.Second})
	s.Pause()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- c.Do(ctx, redis.NewIntCmd(ctx, "incr", "n")) }()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	if err := c.Do(ctx, redis.NewIntCmd(ctx, "incr", "never")); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	s.Resume()
	if _, err := get(c, t, "never"); !errors.Is(err, redis.Nil) {
		t.Errorf("a command whose context had ended was sent: %v", err)
	}
}

// Who leaves while others' pipelines are under way leaves nothing behind.
func TestWhatNobodyWaitsForIsNotSent(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	reg := prometheus.NewRegistry()
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, Registerer: reg, Timeout: 20 * time.Second})
	release := occupy(t, c, s)
	ctx, cancel := context.WithCancel(t.Context())
	var left sync.WaitGroup
	for range 20 {
		left.Go(func() {
			if err := c.Do(ctx, redis.NewIntCmd(ctx, "incr", "n")); !errors.Is(err, context.Canceled) {
				t.Errorf("left with %v", err)
			}
		})
	}
	wait(t, reg, 21)
	cancel()
	left.Wait()
	release()
	if v, err := get(c, t, "n"); !errors.Is(err, redis.Nil) {
		t.Errorf("commands of callers that had left ran: %s, %v", v, err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	reg := prometheus.NewRegistry()
	c := open(t, redisconn.Config{URL: s.URL(), Lanes: 1, Registerer: reg, Timeout: time.Minute})
	s.Pause()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := set(c, t, "k", "v"); !errors.Is(err, redisconn.ErrClosed) {
				t.Errorf("a command during Close: %v", err)
			}
		})
	}
	wait(t, reg, 5)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := set(c, t, "k", "v"); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Sequence(t.Context(), "k", redis.NewStatusCmd(t.Context(), "ping")); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("Sequence after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestScriptsAfterTheServerForgotThem(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, redisconn.Config{URL: s.URL()})
	sum := redis.NewScript(`return {redis.call('INCRBY', KEYS[1], ARGV[1]), KEYS[1]}`)
	for i := 1; i <= 3; i++ {
		reply, err := c.Run(t.Context(), sum, []string{"n"}, 5)
		if got := fmt.Sprint(reply); err != nil || got != fmt.Sprintf("[%d n]", 5*i) {
			t.Fatalf("run %d: %s, %v", i, got, err)
		}
		if err := s.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	broken := redis.NewScript(`return redis.error_reply('NOPE no')`)
	if _, err := c.Run(t.Context(), broken, []string{"n"}); !redis.HasErrorPrefix(err, "NOPE") || !redisconn.Answered(err) {
		t.Errorf("a script's own error: %v", err)
	}
}

func TestRunAndWait(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := redistest.StartReplica(t, master)
	c := open(t, redisconn.Config{URL: master.URL()})
	incr := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
	reply, have, err := c.RunAndWait(t.Context(), incr, []string{"n"}, nil, 1, time.Second)
	if err != nil || reply != int64(1) || have != 1 {
		t.Errorf("%v, %d replicas, %v", reply, have, err)
	}
	if n, err := replica.Client(t).Get(t.Context(), "n").Int(); n != 1 || err != nil {
		t.Errorf("on the replica: %d, %v", n, err)
	}
	replica.Pause()
	reply, have, err = c.RunAndWait(t.Context(), incr, []string{"n"}, nil, 1, 50*time.Millisecond)
	if err != nil || reply != int64(2) || have != 0 {
		t.Errorf("while the replica hangs: %v, %d replicas, %v", reply, have, err)
	}
	replica.Resume()
	if _, _, err := c.RunAndWait(t.Context(), incr, []string{"n"}, nil, 1, time.Hour); err == nil {
		t.Error("waits longer than its deadline")
	}
}

// A caller with a goroutine to spare sends its command itself, and is held no
// longer than by Do when the server hangs or the Conn is closed.
func TestDoHere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, redisconn.Config{URL: s.URL(), Timeout: 300 * time.Millisecond})
	ping := func() error { return c.DoHere(t.Context(), redis.NewStatusCmd(t.Context(), "ping")) }
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	missing := redis.NewStringCmd(t.Context(), "get", "missing")
	if err := c.DoHere(t.Context(), missing); !errors.Is(err, redis.Nil) {
		t.Errorf("a missing key: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	s.Pause()
	began := time.Now()
	if err := c.DoHere(short, redis.NewStatusCmd(short, "ping")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 250*time.Millisecond {
		t.Errorf("a deadline of 50ms: %v after %v", err, time.Since(began))
	}
	began = time.Now()
	if err := ping(); redisconn.Reason(err) != "timeout" || time.Since(began) > 2*time.Second {
		t.Errorf("a hanging server: %v after %v", err, time.Since(began))
	}
	done := make(chan error, 1)
	go func() { done <- ping() }()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("answered by a server that hangs")
	}
	if err := ping(); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	s.Resume()
}
