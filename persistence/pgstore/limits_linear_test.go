package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// A limitStep is what a client wanted of a key: to consume, or with 0 to look.
type limitStep struct{ cost int }

// A limitFinding is what it was answered. Lost: nothing.
type limitFinding struct {
	lost    bool
	allowed bool
	left    int
}

// pointsModel is a key of so many points of which none comes back in time: a number that only falls.
// Where nodes lease, a refusal says nothing: others may hold points.
func pointsModel(points int, leased bool) porcupine.NondeterministicModel {
	return porcupine.NondeterministicModel{
		Init: func() []any { return []any{points} },
		Step: func(state, input, output any) []any {
			left, cost, out := state.(int), input.(limitStep).cost, output.(limitFinding)
			taken := left - cost
			switch {
			case out.lost && taken >= 0:
				return []any{left, taken}
			case out.lost, !out.allowed && leased:
				return []any{left}
			case cost == 0:
				return onlyPoints(out.left == left || leased, left)
			case out.allowed:
				return onlyPoints(taken >= 0 && (leased || out.left == taken), taken)
			}
			return onlyPoints(taken < 0, left)
		},
	}
}

func onlyPoints(ok bool, state int) []any {
	if !ok {
		return nil
	}
	return []any{state}
}

// limitTally is what clients did and were told.
type limitTally struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	lost  int
}

func (h *limitTally) consume(l *ratelimit.Limits, client, cost int) {
	op := porcupine.Operation{ClientId: client, Input: limitStep{cost}, Call: int64(time.Since(h.began))}
	var r ratelimit.Result
	var err error
	if cost == 0 {
		r, err = l.Peek(context.Background(), "limit", "k")
	} else {
		r, err = l.Consume(context.Background(), "limit", "k", cost)
	}
	op.Return, op.Output = int64(time.Since(h.began)), limitFinding{lost: err != nil, allowed: r.Allowed, left: r.Remaining}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.lost++
		op.Return = int64(time.Hour) // it may have its effect at any time from now on
		if cost == 0 {
			return
		}
	}
	h.ops = append(h.ops, op)
}

// What clients of several nodes are told of one key has an order in which one after the other would have
// been told the same, also while connections are cut and killed, and answers lost. With leases nodes together still
// never give out a point twice.
func TestLimitsLinearizable(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "max_connections=300")
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		for _, lease := range []int{0, 40} {
			t.Run(kind.String()+map[int]string{0: "", 40: " leased"}[lease], func(t *testing.T) {
				t.Parallel()
				limitsLinearizable(t, server, ratelimit.Policy{Name: "limit", Kind: kind, Points: 400, Interval: 30 * 24 * time.Hour, Lease: lease})
			})
		}
	}
}

// killClients has the server end all connections to a database.
func killClients(t *testing.T, url string) {
	pgtest.Exec(t, url, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
}

func limitsLinearizable(t *testing.T, server *pgtest.Server, p ratelimit.Policy) {
	h := &limitTally{began: time.Now()}
	url := server.Database(t)
	var clients sync.WaitGroup
	var steps atomic.Int64
	var nodes []*ratelimit.Limits
	var proxies []*pgtest.Proxy
	for range 4 { // all of them before the first connection is killed
		proxy := pgtest.StartProxy(t, server.Addr())
		s := NewLimits(pgtest.Open(t, proxy.URL(url), pgdb.Config{MaxConns: 4}), nil)
		nodes = append(nodes, startLimits(t, ratelimit.Config{Store: s, Policies: []ratelimit.Policy{p}}))
		proxies = append(proxies, proxy)
	}
	for node, l := range nodes {
		proxy := proxies[node]
		for c := range 3 {
			clients.Go(func() {
				random := rand.New(rand.NewPCG(uint64(3*node+c), 11))
				for range 40 {
					switch n := steps.Add(1); {
					case n%90 == 0:
						proxy.LoseAnswer()
					case n%90 == 45:
						proxy.Cut()
					case n%200 == 70:
						killClients(t, url)
					}
					h.consume(l, 3*node+c, random.IntN(4))
				}
			})
		}
	}
	clients.Wait()
	allowed := 0
	for _, op := range h.ops {
		if out := op.Output.(limitFinding); out.allowed {
			allowed += op.Input.(limitStep).cost
		}
	}
	t.Logf("%d calls, %d lost, %d points allowed", len(h.ops), h.lost, allowed)
	if h.lost == 0 || allowed < p.Points/2 || allowed > p.Points {
		t.Error("too little went wrong, or too much was allowed")
	}
	if got := porcupine.CheckOperationsTimeout(modelOf(p), h.ops, time.Minute); got != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", got)
	}
}

func modelOf(p ratelimit.Policy) porcupine.Model {
	m := pointsModel(p.Points, p.Lease > 0)
	return m.ToModel()
}

// The checker notices what a broken store would tell.
func TestLimitsCheckerCatches(t *testing.T) {
	t.Parallel()
	op := func(from, to int64, cost int, out limitFinding) porcupine.Operation {
		return porcupine.Operation{Call: from, Return: to, Input: limitStep{cost}, Output: out}
	}
	ok := func(left int) limitFinding { return limitFinding{allowed: true, left: left} }
	for name, tt := range map[string]struct {
		ops    []porcupine.Operation
		leased bool
		want   bool
	}{
		"right":                   {[]porcupine.Operation{op(0, 5, 2, ok(1)), op(1, 6, 2, limitFinding{left: 1}), op(7, 8, 1, ok(0)), op(9, 10, 0, limitFinding{})}, false, true},
		"one too many":            {[]porcupine.Operation{op(0, 1, 2, ok(1)), op(2, 3, 2, ok(0))}, false, false},
		"one too many of a lease": {[]porcupine.Operation{op(0, 1, 2, ok(1)), op(2, 3, 2, ok(0))}, true, false},
		"refused for nothing":     {[]porcupine.Operation{op(0, 1, 2, ok(1)), op(2, 3, 1, limitFinding{left: 1})}, false, false},
		"refused for a lease":     {[]porcupine.Operation{op(0, 1, 2, ok(1)), op(2, 3, 1, limitFinding{})}, true, true},
		"an old answer":           {[]porcupine.Operation{op(0, 1, 2, ok(1)), op(2, 3, 0, limitFinding{allowed: true, left: 3})}, false, false},
		"lost, with effect":       {[]porcupine.Operation{op(0, 100, 2, limitFinding{lost: true}), op(2, 3, 2, limitFinding{left: 1})}, false, true},
		"lost, without":           {[]porcupine.Operation{op(0, 100, 2, limitFinding{lost: true}), op(2, 3, 2, ok(1))}, false, true},
	} {
		p := ratelimit.Policy{Points: 3}
		if tt.leased {
			p.Lease = 1
		}
		if got := porcupine.CheckOperations(modelOf(p), tt.ops); got != tt.want {
			t.Errorf("%s: the checker says %t", name, got)
		}
	}
}

// A limitAdmission was between two moments.
type limitAdmission struct{ from, to time.Duration }

// In real time, on a real Postgres, over several nodes that lease, with connections that are cut: no stretch of
// time has more than the limit promises, and the limit is used up.
func TestLimitsHoldInTime(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Sliding} {
		for _, lease := range []int{0, 25} {
			t.Run(kind.String()+map[int]string{0: "", 25: " leased"}[lease], func(t *testing.T) {
				t.Parallel()
				p := ratelimit.Policy{Name: "limit", Kind: kind, Points: 100, Interval: time.Second, Lease: lease}
				all := admissions(t, server, p, 4*time.Second)
				t.Logf("%d allowed", len(all))
				if len(all) < 200 {
					t.Error("the limit was not used up")
				}
				checkAdmissions(t, p, all)
			})
		}
	}
}

func admissions(t *testing.T, server *pgtest.Server, p ratelimit.Policy, d time.Duration) []limitAdmission {
	var mu sync.Mutex
	var all []limitAdmission
	var wg sync.WaitGroup
	url := server.Database(t)
	few := func() bool { // the machine is busy
		mu.Lock()
		defer mu.Unlock()
		return len(all) < 200
	}
	var nodes []*ratelimit.Limits
	var proxies []*pgtest.Proxy
	for range 3 {
		proxy := pgtest.StartProxy(t, server.Addr())
		proxies = append(proxies, proxy)
		nodes = append(nodes, startLimits(t, ratelimit.Config{Policies: []ratelimit.Policy{p},
			Store: NewLimits(pgtest.Open(t, proxy.URL(url), pgdb.Config{MaxConns: 4}), nil)}))
	}
	began := time.Now()
	for node, l := range nodes {
		for c := range 4 {
			wg.Go(func() {
				for i := 0; time.Since(began) < d || few() && time.Since(began) < 10*d; i++ {
					if i%200 == 50*c {
						proxies[node].Cut()
					}
					from := time.Since(began)
					r, err := l.Consume(context.Background(), "limit", "k", 1)
					if err != nil && !errors.Is(err, ratelimit.ErrUnavailable) {
						t.Errorf("%v", err)
					}
					if r.Allowed {
						mu.Lock()
						all = append(all, limitAdmission{from, time.Since(began)})
						mu.Unlock()
					}
					<-time.After(time.Duration(rand.IntN(12)) * time.Millisecond)
				}
			})
		}
	}
	wg.Wait()
	return all
}

// checkAdmissions counts those that were wholly within each stretch.
func checkAdmissions(t *testing.T, p ratelimit.Policy, all []limitAdmission) {
	for _, first := range all {
		var ends []time.Duration
		for _, a := range all {
			if a.from >= first.from {
				ends = append(ends, a.to)
			}
		}
		slices.Sort(ends)
		for i, end := range ends {
			d := end - first.from
			most := p.Points + int(d*time.Duration(p.Points)/p.Interval)
			if p.Kind == ratelimit.Sliding {
				most = p.Points * (1 + int(d/p.Interval))
			}
			if i+1 > most {
				t.Fatalf("%d within %v, at most %d are allowed", i+1, d, most)
			}
		}
	}
}
