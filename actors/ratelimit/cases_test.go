package ratelimit_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

// Every case is run with a store in the actors' own process, and with one far away.
var cases = map[string]func(t *testing.T, store ratelimit.Store){
	"RL-02 after the interval full again":      windowPasses,
	"RL-05 costs that are none":                wrongCosts,
	"RL-06 block":                              block,
	"RL-07 block longer than the interval":     longBlock,
	"RL-08 ban and unban":                      banUnban,
	"RL-09 ban of an unknown key":              banUnknown,
	"RL-10 by address":                         byAddress,
	"RL-11 by connection, on all nodes":        byConnection,
	"RL-12 any key":                            anyKey,
	"RL-13 reset and clear":                    resetClear,
	"RL-17 nodes' clocks do not matter":        clocks,
	"RL-20 counters":                           counters,
	"RL remaining, reset and retry":            answers,
	"RL peek consumes nothing":                 peeks,
	"RL all or nothing":                        allOrNothing,
	"RL a bucket refills evenly":               refills,
	"RL a sliding window holds in any stretch": slides,
}

func TestCases(t *testing.T) {
	t.Parallel()
	for name, run := range cases {
		t.Run(name+"/local", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { run(t, memstore.NewLimits(0)) })
		})
		t.Run(name+"/far", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { run(t, newFar(0)) })
		})
	}
}

func windowPasses(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Fixed, 3, time.Minute))})
	for i := range 3 {
		want(t, l, "k", 1, true, 2-i)
	}
	for range 5 {
		if r := want(t, l, "k", 1, false, 0); r.Reset != time.Minute || r.Retry != time.Minute || r.Blocked {
			t.Errorf("%+v", r)
		}
	}
	time.Sleep(time.Minute)
	want(t, l, "k", 3, true, 0)
}

func wrongCosts(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 5, time.Minute))})
	for _, cost := range []int{0, -1, 6, 1 << 40} {
		r, err := l.Consume(t.Context(), "limit", "k", cost)
		if input, ok := errors.AsType[*ratelimit.InputError](err); !ok || input.Field != "cost" || r.Allowed {
			t.Errorf("cost %d: %+v, %v", cost, r, err)
		}
	}
	for _, key := range []string{"", strings.Repeat("k", 513)} {
		_, err := l.Consume(t.Context(), "limit", key, 1)
		if input, ok := errors.AsType[*ratelimit.InputError](err); !ok || input.Field != "key" {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
	if _, err := l.Consume(t.Context(), "other", "k", 1); !errors.Is(err, ratelimit.ErrUnknown) {
		t.Errorf("an unknown limit: %v", err)
	}
	want(t, l, "k", 5, true, 0)
	want(t, l, strings.Repeat("k", 512), 5, true, 0)
}

func block(t *testing.T, store ratelimit.Store) {
	p := limit(ratelimit.Fixed, 2, time.Second)
	p.Block = 200 * time.Millisecond
	l := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	want(t, l, "k", 2, true, 0)
	if r := want(t, l, "k", 1, false, 0); r.Reset != p.Block || r.Retry != p.Block || !r.Blocked {
		t.Errorf("exhausted: %+v", r)
	}
	time.Sleep(p.Block - time.Millisecond)
	if r := want(t, l, "k", 1, false, 0); r.Reset > time.Millisecond || !r.Blocked {
		t.Errorf("before the block is over: %+v", r)
	}
	time.Sleep(time.Second)
	want(t, l, "k", 1, true, 1)
	want(t, l, "k", 2, false, 0) // it has one point, consumes none, and is blocked
	time.Sleep(p.Block)
	want(t, l, "k", 1, true, 0)
}

func longBlock(t *testing.T, store ratelimit.Store) {
	p := limit(ratelimit.Bucket, 1, time.Second)
	p.Block = 10 * time.Second
	l := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	want(t, l, "k", 1, true, 0)
	want(t, l, "k", 1, false, 0)
	for range 9 {
		time.Sleep(time.Second)
		if r := want(t, l, "k", 1, false, 0); !r.Blocked {
			t.Errorf("the window has passed, the block has not: %+v", r)
		}
	}
	time.Sleep(time.Second)
	want(t, l, "k", 1, true, 0)
}

func banUnban(t *testing.T, store ratelimit.Store) {
	short := limit(ratelimit.Fixed, 5, time.Hour)
	blocking := ratelimit.Policy{Name: "blocking", Points: 1, Interval: time.Hour, Block: 5 * time.Minute}
	l := start(t, ratelimit.Config{Store: store, Policies: policies(short, blocking)})
	want(t, l, "k", 2, true, 3)
	must(t, l.Ban(t.Context(), "limit", "k", 500*time.Millisecond))
	if r := want(t, l, "k", 1, false, 0); r.Reset > 500*time.Millisecond || !r.Blocked {
		t.Errorf("banned: %+v", r)
	}
	must(t, l.Unban(t.Context(), "limit", "k"))
	want(t, l, "k", 1, true, 2)
	for name, d := range map[string]time.Duration{"limit": time.Minute, "blocking": 5 * time.Minute} {
		must(t, l.Ban(t.Context(), name, "k", 0))
		if r, err := l.Peek(t.Context(), name, "k"); err != nil || r.Allowed || r.Reset != d {
			t.Errorf("a ban without a duration: %+v, %v; want %v", r, err, d)
		}
	}
	for _, d := range []time.Duration{-1, ratelimit.MaxBlock + 1} {
		err := l.Ban(t.Context(), "limit", "k", d)
		if input, ok := errors.AsType[*ratelimit.InputError](err); !ok || input.Field != "duration" {
			t.Errorf("a ban of %v: %v", d, err)
		}
	}
}

func banUnknown(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Sliding, 5, time.Second))})
	must(t, l.Ban(t.Context(), "limit", "k", time.Hour))
	want(t, l, "k", 1, false, 0)
	time.Sleep(time.Hour - time.Millisecond)
	want(t, l, "k", 1, false, 0)
	time.Sleep(time.Millisecond)
	want(t, l, "k", 1, true, 4)
}

func byAddress(t *testing.T, store ratelimit.Store) {
	p := limit(ratelimit.Fixed, 1, time.Hour)
	p.By = ratelimit.ByAddress
	l := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	ann := p.Key(ratelimit.Client{Connection: "1", Address: "10.0.0.1", Identity: "ann"})
	bob := p.Key(ratelimit.Client{Connection: "2", Address: "10.0.0.1", Identity: "bob"})
	eve := p.Key(ratelimit.Client{Connection: "3", Address: "10.0.0.2"})
	nobody := p.Key(ratelimit.Client{Connection: "4", Identity: "ann"})
	want(t, l, ann, 1, true, 0)
	want(t, l, bob, 1, false, 0)
	want(t, l, eve, 1, true, 0)
	want(t, l, nobody, 1, true, 0)
	want(t, l, p.Key(ratelimit.Client{Connection: "5"}), 1, false, 0)
}

func byConnection(t *testing.T, store ratelimit.Store) {
	p := limit(ratelimit.Fixed, 2, time.Hour)
	one := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	two := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	a, b := p.Key(ratelimit.Client{Connection: "a"}), p.Key(ratelimit.Client{Connection: "b"})
	want(t, one, a, 2, true, 0)
	want(t, two, b, 2, true, 0)
	want(t, two, a, 1, false, 0)
}

func anyKey(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Fixed, 1, time.Hour),
		ratelimit.Policy{Name: "limit:a", Points: 1, Interval: time.Hour})})
	for _, key := range []string{"a:b", "a", "\x00", "limit\x00a", "ä", "\xff", " ", "{a}"} {
		want(t, l, key, 1, true, 0)
		want(t, l, key, 1, false, 0)
	}
	if r, err := l.Consume(t.Context(), "limit:a", "a", 1); err != nil || !r.Allowed {
		t.Errorf("another limit: %+v, %v", r, err)
	}
}

func resetClear(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Fixed, 2, time.Hour))})
	for _, key := range []string{"a", "b", "c"} {
		want(t, l, key, 2, true, 0)
		want(t, l, key, 1, false, 0)
	}
	must(t, l.Reset(t.Context(), "limit", "a"))
	want(t, l, "a", 1, true, 1)
	want(t, l, "b", 1, false, 0)
	must(t, l.Clear(t.Context(), "limit"))
	synctest.Wait()
	for _, key := range []string{"a", "b", "c"} {
		want(t, l, key, 2, true, 0)
	}
	if err := l.Clear(t.Context(), "other"); !errors.Is(err, ratelimit.ErrUnknown) {
		t.Errorf("clear of an unknown limit: %v", err)
	}
}

// Nodes that were started at other times, and so count from other moments, share a limit.
func clocks(t *testing.T, store ratelimit.Store) {
	p := limit(ratelimit.Fixed, 4, time.Hour)
	one := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	time.Sleep(37 * time.Minute)
	two := start(t, ratelimit.Config{Store: store, Policies: policies(p)})
	want(t, one, "k", 2, true, 2)
	r := want(t, two, "k", 2, true, 0)
	if r.Reset != time.Hour {
		t.Errorf("%+v", r)
	}
	want(t, one, "k", 1, false, 0)
	time.Sleep(time.Hour - time.Millisecond)
	want(t, one, "k", 1, false, 0)
	want(t, two, "k", 1, false, 0)
	time.Sleep(time.Millisecond)
	want(t, two, "k", 1, true, 3)
	want(t, one, "k", 1, true, 2)
}

func counters(t *testing.T, store ratelimit.Store) {
	reg := prometheus.NewRegistry()
	p := limit(ratelimit.Fixed, 2, time.Minute)
	l := start(t, ratelimit.Config{Store: store, Policies: policies(p), Registerer: reg})
	for range 5 {
		consume(t, l, "k", 1)
	}
	must(t, l.Ban(t.Context(), "limit", "banned", 0))
	consume(t, l, "banned", 1)
	consume(t, l, "banned", 1)
	peek(t, l, "banned")
	for text, name := range map[string]string{
		`troupe_ratelimit_allowed_total{limit="limit"} 2`:        "troupe_ratelimit_allowed_total",
		`troupe_ratelimit_bans_total{limit="limit"} 1`:           "troupe_ratelimit_bans_total",
		`troupe_ratelimit_local_refusals_total{limit="limit"} 4`: "troupe_ratelimit_local_refusals_total",
		`troupe_ratelimit_errors_total{limit="limit"} 0`:         "troupe_ratelimit_errors_total",
		`troupe_ratelimit_denied_total{limit="limit",reason="blocked"} 2` + "\n" +
			`troupe_ratelimit_denied_total{limit="limit",reason="points"} 3`: "troupe_ratelimit_denied_total",
	} {
		got, err := testutil.GatherAndCount(reg, name)
		if err != nil || got == 0 {
			t.Errorf("%s: %d, %v", name, got, err)
		}
		help := helpOf(t, reg, name)
		if err := testutil.GatherAndCompare(reg, strings.NewReader("# HELP "+name+" "+help+"\n# TYPE "+name+" counter\n"+text+"\n"), name); err != nil {
			t.Error(err)
		}
	}
}

func helpOf(t *testing.T, reg *prometheus.Registry, name string) string {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetHelp()
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

func answers(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 10, 10*time.Second))})
	if r := want(t, l, "k", 4, true, 6); r.Reset != 4*time.Second || r.Retry != 0 {
		t.Errorf("allowed: %+v", r)
	}
	if r := want(t, l, "k", 9, false, 6); r.Reset != 4*time.Second || r.Retry != 3*time.Second {
		t.Errorf("refused by the store: %+v", r)
	}
	time.Sleep(500 * time.Millisecond)
	if r := want(t, l, "k", 10, false, 6); r.Reset != 3500*time.Millisecond || r.Retry != 3500*time.Millisecond {
		t.Errorf("refused by the node: %+v", r)
	}
	want(t, l, "k", 6, true, 0)
}

func peeks(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 2, time.Minute))})
	for range 3 {
		if r := peek(t, l, "k"); !r.Allowed || r.Remaining != 2 || r.Reset != 0 {
			t.Errorf("unused: %+v", r)
		}
	}
	want(t, l, "k", 2, true, 0)
	if r := peek(t, l, "k"); r.Allowed || r.Remaining != 0 || r.Retry != 30*time.Second || r.Reset != time.Minute {
		t.Errorf("used up: %+v", r)
	}
}

func allOrNothing(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Sliding, 5, time.Minute))})
	want(t, l, "k", 3, true, 2)
	want(t, l, "k", 3, false, 2)
	want(t, l, "k", 2, true, 0)
}

func refills(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 10, 10*time.Second))})
	want(t, l, "k", 10, true, 0)
	for range 20 {
		time.Sleep(time.Second - time.Millisecond)
		want(t, l, "k", 1, false, 0)
		time.Sleep(time.Millisecond)
		want(t, l, "k", 1, true, 0)
	}
	time.Sleep(time.Hour)
	want(t, l, "k", 10, true, 0)
}

func slides(t *testing.T, store ratelimit.Store) {
	l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Sliding, 5, time.Minute))})
	var all []time.Time
	for range 1000 {
		if consume(t, l, "k", 1).Allowed {
			all = append(all, time.Now())
		}
		time.Sleep(700 * time.Millisecond)
	}
	for i := 5; i < len(all); i++ {
		if d := all[i].Sub(all[i-5]); d < time.Minute {
			t.Fatalf("6 of 5 within %v", d)
		}
	}
	if len(all) < 50 {
		t.Errorf("%d in 700 s, want 50 or more", len(all))
	}
}
