package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestProxy(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	c := redis.NewClient(&redis.Options{Addr: p.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, DialerRetries: 1})
	defer c.Close()
	ping := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		return c.Ping(ctx).Err()
	}
	must := func(what string, want bool) {
		t.Helper()
		redistest.Eventually(t, 5*time.Second, what, func() error { // the first call may meet a connection that was ended
			err := ping()
			if (err == nil) == want {
				return nil
			}
			return err
		})
	}
	must("as it is", true)
	p.Cut()
	must("after Cut", true)
	p.Refuse()
	must("while refusing", false)
	p.Heal(t)
	must("healed", true)
	p.Hang()
	must("while hanging", false)
	p.Hang()
	p.Heal(t)
	must("healed again", true)

	// What was on its way arrives after all.
	patient := redis.NewClient(&redis.Options{Addr: p.Addr(), MaxRetries: -1, ReadTimeout: time.Minute})
	defer patient.Close()
	if err := patient.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	p.Hang()
	done := make(chan error, 1)
	go func() { done <- patient.Set(t.Context(), "k", "v", 0).Err() }()
	direct := s.Client(t)
	if n, err := direct.Exists(t.Context(), "k").Result(); n != 0 || err != nil {
		t.Errorf("a hanging proxy let something through: %d, %v", n, err)
	}
	p.Heal(t)
	if err := <-done; err != nil {
		t.Error(err)
	}

	p.LoseAnswer()
	if n, err := patient.Incr(t.Context(), "n").Result(); err == nil {
		t.Errorf("an answer that was to be lost came: %d", n)
	}
	if n, err := patient.Get(t.Context(), "n").Int(); n != 1 || err != nil {
		t.Errorf("what was asked did not run once: %d, %v", n, err)
	}
}
