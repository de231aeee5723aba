package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// clocked is a script of limits that asks a key for the time.
func clocked(t *testing.T, text string) *redis.Script {
	t.Helper()
	const real = "local stamp = call('TIME')\nlocal now = stamp[1] * 1000000 + stamp[2]\n"
	if strings.Count(text, real) != 1 {
		t.Fatal("the scripts do not ask for the time as they did")
	}
	return redis.NewScript(strings.Replace(text, real, "local now = tonumber(call('GET', 'clock'))\n", 1))
}

// What the scripts answer is what a ratelimit.Meter answers, to the microsecond, whatever is asked
// at whatever time, under terms that change, and when the server's clock is set back.
func TestScriptsAgreeWithMeter(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store := openLimits(t, redisconn.Config{URL: server.URL()})
	a := &agreement{store: store, scripts: []*redis.Script{
		clocked(t, limitsCommonLua+limitsTermsLua+limitsBucketLua+limitsTakeLua),
		clocked(t, limitsCommonLua+limitsTermsLua+limitsFixedLua+limitsTakeLua),
		clocked(t, limitsCommonLua+limitsTermsLua+limitsSlidingLua+limitsTakeLua),
	}, change: clocked(t, limitsCommonLua+limitsChangeLua), client: server.Client(t)}
	rapid.Check(t, a.check)
}

type agreement struct {
	store   *Limits
	scripts []*redis.Script
	change  *redis.Script
	client  *redis.Client
	round   int

	*rapid.T
	key   string
	meter ratelimit.Meter
	now   int64
	log   []string
}

// terms draws a policy. Intervals are long beside the test: keys expire by the real clock.
func (a *agreement) terms(kind ratelimit.Kind) ratelimit.Policy {
	p := ratelimit.Policy{Name: "l", Kind: kind,
		Points:   rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 3000)).Draw(a.T, "points"),
		Interval: time.Duration(rapid.OneOf(rapid.Int64Range(60e6, 90e6), rapid.Map(rapid.Int64Range(1, 40), minutes)).Draw(a.T, "µs")) * time.Microsecond,
		Block:    time.Duration(rapid.SampledFrom([]int{0, 0, 1, 50, 500}).Draw(a.T, "block")) * time.Second,
	}
	if len(p.Faults()) > 0 {
		a.Fatalf("%v", p.Faults())
	}
	return p
}

func minutes(n int64) int64 { return n * 60e6 }

func (a *agreement) check(t *rapid.T) {
	a.round++
	a.T, a.key, a.meter, a.now, a.log = t, strconv.Itoa(a.round), ratelimit.Meter{}, 1_700_000_000_000_000, nil
	kind := rapid.SampledFrom([]ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding}).Draw(t, "kind")
	p := a.terms(kind)
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		switch what := rapid.IntRange(0, 30).Draw(t, "what"); {
		case what == 0:
			p = a.terms(kind)
			a.log = append(a.log, fmt.Sprintf("%+v", p))
		case what <= 2:
			a.alter(p)
		default:
			a.take(p)
		}
		a.pass(p)
	}
}

// pass moves the clock on, now and then back.
func (a *agreement) pass(p ratelimit.Policy) {
	part := rapid.SampledFrom([]float64{0, 0, 1e-9, 0.01, 1.0 / 16, 0.1, 0.3, 1, 1.2, -0.5, -3}).Draw(a.T, "pass")
	a.now += int64(part*float64(p.Interval.Microseconds())) + rapid.Int64Range(0, 3).Draw(a.T, "µs more")
}

func (a *agreement) take(p ratelimit.Policy) {
	w := ratelimit.Want{Key: a.key,
		Cost:  rapid.IntRange(1, min(p.Points, 12)).Draw(a.T, "cost"),
		Count: rapid.IntRange(0, 5).Draw(a.T, "count"),
		Ahead: rapid.SampledFrom([]int{0, 0, 0, 1, 4, 1000}).Draw(a.T, "ahead")}
	want, _ := a.meter.Take(a.now, p.Terms(), w)
	args := append(termsOf(p), wantArg(&w))
	answer, err := a.scripts[p.Kind].Run(a.at(), a.client, []string{a.store.names.Limit("l", a.key)}, args...).Result()
	if err != nil {
		a.Fatalf("%v", err)
	}
	got, err := grants(answer, []ratelimit.Want{w})
	if err != nil {
		a.Fatalf("%v", err)
	}
	a.log = append(a.log, fmt.Sprintf("%d %+v %+v", a.now, w, got[0]))
	if got[0] != want {
		a.Fatalf("%+v, %s\ngot  %+v\nwant %+v, of %+v", p, strings.Join(a.log, "\n"), got[0], want, a.meter)
	}
}

// at sets the clock of the scripts.
func (a *agreement) at() context.Context {
	ctx := context.Background()
	if err := a.client.Set(ctx, "clock", a.now, 0).Err(); err != nil {
		a.Fatalf("%v", err)
	}
	return ctx
}

func (a *agreement) alter(p ratelimit.Policy) {
	c := ratelimit.Change{Do: ratelimit.Deed(rapid.IntRange(0, 2).Draw(a.T, "deed")),
		For: time.Duration(rapid.Int64Range(1, 2*p.Interval.Microseconds()).Draw(a.T, "for")) * time.Microsecond}
	a.meter.Change(a.now, c)
	what := []string{"ban", "unban", "reset"}[c.Do]
	err := a.change.Run(a.at(), a.client, []string{a.store.names.Limit("l", a.key)}, what, c.For.Microseconds()).Err()
	if err != nil {
		a.Fatalf("%v", err)
	}
	a.log = append(a.log, fmt.Sprintf("%d %s %v", a.now, what, c.For))
}
