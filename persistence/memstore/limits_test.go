package memstore

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	storetest.Limits(t, func(*testing.T) ratelimit.Store { return NewLimits(0) }, storetest.LimitOptions{Bubble: synctest.Test})
}

// Keys that are as good as new go while others come, and beyond the bound new ones fail.
func TestLimitsForgetKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimits(6400)
		p := ratelimit.Policy{Name: "limit", Points: 1, Interval: time.Second}
		consume := func(key string) error {
			_, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: key, Cost: 1, Count: 1}})
			return err
		}
		full := 0
		for i := range 20_000 {
			if err := consume(strconv.Itoa(i)); errors.Is(err, ErrLimitsFull) {
				full++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n := l.Keys(); n > 6400 || full != 20_000-n {
			t.Errorf("%d keys, %d refused", n, full)
		}
		time.Sleep(2 * time.Second)
		for i := range 20_000 {
			if err := consume(strconv.Itoa(i % 100)); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.Keys(); n > 200 {
			t.Errorf("%d keys are remembered, 100 are in use", n)
		}
	})
}

func TestLimitsEmpty(t *testing.T) {
	t.Parallel()
	l := NewLimits(0)
	p := ratelimit.Policy{Name: "limit", Points: 1, Interval: time.Hour}
	for range 2 {
		g, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: "k", Cost: 1, Count: 2}})
		if err != nil || g[0].Allowed != 1 || l.Keys() != 1 {
			t.Errorf("%+v, %v; %d keys", g, err, l.Keys())
		}
		l.Empty()
	}
}
