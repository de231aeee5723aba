package redisstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func hourly(kind ratelimit.Kind, points int) ratelimit.Policy {
	return ratelimit.Policy{Name: "limit", Kind: kind, Points: points, Interval: time.Hour}
}

func takeOf(t testing.TB, s *Limits, p ratelimit.Policy, cost, count int) ratelimit.Grant {
	t.Helper()
	grants, err := s.Take(t.Context(), p, []ratelimit.Want{{Key: "k", Cost: cost, Count: count}})
	if err != nil {
		t.Fatal(err)
	}
	return grants[0]
}

// RL-14: no key outlives what it says by much, none goes before, and none is there for ever.
func TestLimitKeysExpire(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for name, tt := range map[string]struct {
		do          func(t *testing.T, s *Limits) error
		least, most time.Duration // 0: there is no key
	}{
		"an hour's bucket": {func(t *testing.T, s *Limits) error {
			takeOf(t, s, hourly(ratelimit.Bucket, 5), 1, 5)
			return nil
		}, time.Hour, time.Hour + 2*time.Minute},
		"a point of a bucket": {func(t *testing.T, s *Limits) error {
			takeOf(t, s, hourly(ratelimit.Bucket, 60), 1, 1)
			return nil
		}, time.Minute, 2 * time.Minute},
		"a fixed window":   {func(t *testing.T, s *Limits) error { takeOf(t, s, hourly(ratelimit.Fixed, 5), 1, 1); return nil }, time.Hour, time.Hour + 2*time.Minute},
		"a sliding window": {func(t *testing.T, s *Limits) error { takeOf(t, s, hourly(ratelimit.Sliding, 5), 1, 1); return nil }, time.Hour, time.Hour + 2*time.Minute},
		"E42 a short block does not shorten it": {func(t *testing.T, s *Limits) error {
			p := hourly(ratelimit.Fixed, 5)
			p.Block = time.Second
			takeOf(t, s, p, 1, 6)
			return nil
		}, time.Hour, time.Hour + 2*time.Minute},
		"a long block": {func(t *testing.T, s *Limits) error {
			p := hourly(ratelimit.Fixed, 5)
			p.Block = 5 * time.Hour
			takeOf(t, s, p, 1, 5)
			takeOf(t, s, p, 1, 1)
			return nil
		}, 5 * time.Hour, 5*time.Hour + 2*time.Minute},
		"E42 a short ban does not shorten it": {func(t *testing.T, s *Limits) error {
			takeOf(t, s, hourly(ratelimit.Bucket, 5), 1, 5)
			return s.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Ban, For: time.Second})
		}, time.Hour, time.Hour + 2*time.Minute},
		"the longest ban": {func(t *testing.T, s *Limits) error {
			return s.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Ban, For: ratelimit.MaxBlock})
		}, ratelimit.MaxBlock - time.Hour, ratelimit.MaxBlock + 2*time.Minute},
		"E11 unban of an unknown key": {func(t *testing.T, s *Limits) error {
			return s.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Unban})
		}, 0, 0},
		"a look": {func(t *testing.T, s *Limits) error { takeOf(t, s, hourly(ratelimit.Bucket, 5), 0, 0); return nil }, 0, 0},
		"reset": {func(t *testing.T, s *Limits) error {
			takeOf(t, s, hourly(ratelimit.Bucket, 5), 1, 5)
			return s.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Reset})
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openLimits(t, redisconn.Config{URL: server.URL()})
			if err := tt.do(t, s); err != nil {
				t.Fatal(err)
			}
			left, err := client.PTTL(t.Context(), s.names.Limit("limit", "k")).Result()
			if err != nil {
				t.Fatal(err)
			}
			if tt.most == 0 && left != -2 || tt.most > 0 && (left < tt.least-5*time.Second || left > tt.most) {
				t.Errorf("it expires in %v, want %v to %v", left, tt.least, tt.most)
			}
		})
	}
}

// A key that is used all the time is kept, though its expiry is not set anew each time; one that is
// not used any more goes.
func TestLimitKeyStaysAndGoes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	s := openLimits(t, redisconn.Config{URL: server.URL()})
	p := ratelimit.Policy{Name: "limit", Points: 1_000_000, Interval: 1000 * time.Second}
	for began := time.Now(); time.Since(began) < 3*time.Second; <-time.After(10 * time.Millisecond) {
		if g := takeOf(t, s, p, 500, 1); g.Allowed != 1 || g.Remaining > 1_000_000-500 {
			t.Fatalf("%+v", g)
		}
		reset := takeOf(t, s, p, 0, 0).Reset
		if left := client.PTTL(t.Context(), s.names.Limit("limit", "k")).Val(); left < reset-time.Second {
			t.Fatalf("it expires in %v, and is full in %v", left, reset)
		}
	}
	short := ratelimit.Policy{Name: "short", Points: 1, Interval: 100 * time.Millisecond}
	takeOf(t, s, short, 1, 1)
	redistest.Eventually(t, 10*time.Second, "the key is gone", func() error {
		if n := client.Exists(t.Context(), s.names.Limit("short", "k")).Val(); n != 0 {
			return errors.New("it is there")
		}
		return nil
	})
}

// Whatever lies in a key, it is no crash and lets nobody through for ever, nor keeps anybody out.
func TestLimitPoisonedKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for _, text := range []string{"", "x", "1", "1 2", "1 2 3", "-1 -1 -1", "1e9 1 1", "nan 1 1", "0 0 0", "1 2 0 0 0",
		"99999999999999999999 1 1", "1 99999999999999999 1", "9007199254740991 9007199254740991 9007199254740991 9007199254740991 9007199254740991",
		"1 9007199254740990 9007199254740990", "0 9007199254740991 1 9007199254740991 1", "1 1 1 1 1 1 1 1 1 1", "\x00", "1  2"} {
		for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
			s := openLimits(t, redisconn.Config{URL: server.URL()})
			p := ratelimit.Policy{Name: "limit", Kind: kind, Points: 3, Interval: 50 * time.Millisecond}
			key := s.names.Limit("limit", "k")
			if err := client.HSet(t.Context(), key, kind.String(), text, "gone", text, "until", "x"+text).Err(); err != nil {
				t.Fatal(err)
			}
			redistest.Eventually(t, 5*time.Second, text+" is over", func() error {
				if g := takeOf(t, s, p, 1, 5); g.Allowed == 0 {
					return errors.New("refused")
				} else if g.Allowed > 3 {
					t.Fatalf("%q as %s: %+v", text, kind, g)
				}
				return nil
			})
			if left := client.PTTL(t.Context(), key).Val(); left < 0 {
				t.Errorf("%q as %s: it is there for ever", text, kind)
			}
		}
	}
}

func TestLimitForeignKey(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openLimits(t, redisconn.Config{URL: server.URL()})
	p := hourly(ratelimit.Bucket, 1)
	if err := server.Client(t).Set(t.Context(), s.names.Limit("limit", "k"), "somebody's", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Take(t.Context(), p, []ratelimit.Want{{Key: "k", Cost: 1, Count: 1}}); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
	if err := s.Change(t.Context(), p, "k", ratelimit.Change{Do: ratelimit.Reset}); err != nil {
		t.Fatal(err)
	}
	if g := takeOf(t, s, p, 1, 1); g.Allowed != 1 {
		t.Errorf("after Reset: %+v", g)
	}
}

// A Redis that was emptied, or forgot its scripts, has full buckets again.
func TestLimitsOfEmptiedRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openLimits(t, redisconn.Config{URL: server.URL()})
	for range 3 {
		if g := takeOf(t, s, hourly(ratelimit.Sliding, 2), 1, 3); g.Allowed != 2 {
			t.Errorf("%+v", g)
		}
		if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := server.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// RL-15: with an open breaker every call fails at once, and none allows.
func TestLimitsBreakerOpen(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(context.Background()) }()
	b, err := breaker.New(system, breaker.Options{Backend: "redis", FailureThreshold: 1, Answered: redisconn.Answered})
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t)
	s := openLimits(t, redisconn.Config{URL: server.URL(), Breaker: b, Timeout: 300 * time.Millisecond})
	p := hourly(ratelimit.Bucket, 100)
	l := startLimits(t, ratelimit.Config{Store: s, Policies: []ratelimit.Policy{p}})
	if r, err := l.Consume(t.Context(), "limit", "k", 1); err != nil || !r.Allowed {
		t.Fatalf("%+v, %v", r, err)
	}
	server.Kill()
	redistest.Eventually(t, 5*time.Second, "the breaker opens", func() error {
		if r, err := l.Consume(t.Context(), "limit", "k", 1); r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
			t.Fatalf("%+v, %v", r, err)
		}
		if b.State() == breaker.Healthy {
			return errors.New("it is healthy")
		}
		return nil
	})
	calls := map[string]func() error{
		"consume": func() error { _, err := l.Consume(t.Context(), "limit", "k", 1); return err },
		"ban":     func() error { return l.Ban(t.Context(), "limit", "k", 0) },
		"clear":   func() error { return l.Clear(t.Context(), "limit") },
	}
	for name, call := range calls {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if err := call(); !errors.Is(err, breaker.ErrOpen) || !errors.Is(err, ratelimit.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
			best = min(best, time.Since(began))
		}
		if best > 5*time.Millisecond {
			t.Errorf("%s took %v to be refused", name, best)
		}
	}
}

// A Redis that hangs holds nobody beyond the limits' own timeout.
func TestLimitsRedisHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	s := openLimits(t, redisconn.Config{URL: proxy.URL()})
	l := startLimits(t, ratelimit.Config{Store: s, Timeout: 400 * time.Millisecond, Policies: []ratelimit.Policy{hourly(ratelimit.Bucket, 100)}})
	if _, err := l.Consume(t.Context(), "limit", "k", 1); err != nil {
		t.Fatal(err)
	}
	proxy.Hang()
	for range 3 {
		began := time.Now()
		r, err := l.Consume(t.Context(), "limit", "k", 1)
		if r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
			t.Errorf("%+v, %v", r, err)
		}
		if d := time.Since(began); d > 3*time.Second { // the machine may be busy
			t.Errorf("it took %v", d)
		}
	}
	proxy.Heal(t)
	redistest.Eventually(t, 10*time.Second, "it works again", func() error {
		_, err := l.Consume(t.Context(), "limit", "k", 1)
		return err
	})
}
