package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// limitFaults are ways in which a store of limits may be wrong.
type limitFaults struct {
	key    func(limit, key string) string
	terms  func(*ratelimit.Terms)
	want   func(*ratelimit.Want)
	grant  func(ratelimit.Want, *ratelimit.Grant)
	meter  func(now int64, m *ratelimit.Meter, w ratelimit.Want)
	change func(now int64, m *ratelimit.Meter, c *ratelimit.Change)
	racy   bool // no lock between reading and writing
	deaf   bool // to contexts
	clears func(limit, of string) bool
}

// plainLimits are a store of a few lines.
type plainLimits struct {
	limitFaults
	mu     sync.Mutex
	meters map[string]map[string]ratelimit.Meter
}

func (l *plainLimits) Place(ratelimit.Policy, string) int { return 0 }

func (l *plainLimits) of(p ratelimit.Policy, key string) (map[string]ratelimit.Meter, string) {
	limit := p.Name
	if l.key != nil {
		limit, key = "", l.key(limit, key)
	}
	if l.meters == nil {
		l.meters = map[string]map[string]ratelimit.Meter{}
	}
	if l.meters[limit] == nil {
		l.meters[limit] = map[string]ratelimit.Meter{}
	}
	return l.meters[limit], key
}

func (l *plainLimits) Take(ctx context.Context, p ratelimit.Policy, batch []ratelimit.Want) ([]ratelimit.Grant, error) {
	if err := ctx.Err(); err != nil && !l.deaf {
		return nil, err
	}
	grants := make([]ratelimit.Grant, len(batch))
	for i, w := range batch {
		grants[i] = l.take(p, w)
	}
	return grants, nil
}

func (l *plainLimits) take(p ratelimit.Policy, w ratelimit.Want) (g ratelimit.Grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	meters, key := l.of(p, w.Key)
	m, terms, asked, now := meters[key], p.Terms(), w, time.Now().UnixMicro()
	m.Sliding.Strips = slices.Clone(m.Sliding.Strips)
	if l.terms != nil {
		l.terms(&terms)
	}
	if l.want != nil {
		l.want(&w)
	}
	if l.meter != nil {
		l.meter(now, &m, w)
	}
	if l.racy {
		l.mu.Unlock()
		time.Sleep(time.Microsecond)
		l.mu.Lock()
	}
	g, _ = m.Take(now, terms, w)
	if l.grant != nil {
		l.grant(asked, &g)
	}
	meters[key] = m
	return g
}

func (l *plainLimits) Change(ctx context.Context, p ratelimit.Policy, key string, c ratelimit.Change) error {
	if err := ctx.Err(); err != nil && !l.deaf {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	meters, key := l.of(p, key)
	m, now := meters[key], time.Now().UnixMicro()
	if l.change != nil {
		l.change(now, &m, &c)
	}
	m.Change(now, c)
	meters[key] = m
	return nil
}

func (l *plainLimits) Clear(ctx context.Context, p ratelimit.Policy) error {
	if err := ctx.Err(); err != nil && !l.deaf {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for limit := range l.meters {
		if l.clears == nil && limit == p.Name || l.clears != nil && l.clears(limit, p.Name) {
			delete(l.meters, limit)
		}
	}
	return nil
}

func TestLimitsSuitePasses(t *testing.T) {
	t.Parallel()
	Limits(t, func(*testing.T) ratelimit.Store { return &plainLimits{} }, LimitOptions{Bubble: synctest.Test})
}

// limitCatches runs one case against a broken store and tells whether it noticed.
func limitCatches(t *testing.T, c limitCase, f limitFaults) bool {
	w := &witness{}
	synctest.Test(t, func(t *testing.T) {
		w.T = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					w.say("panic")
				}
			}()
			c.run(&limitScene{T: w, store: &plainLimits{limitFaults: f}, unit: time.Second, fake: true})
		}()
		<-done
	})
	return w.Failed()
}

// TestLimitsSuiteCatches breaks a store in many ways. For each, the cases named must fail, and every
// case is named.
func TestLimitsSuiteCatches(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, b := range limitBreaks {
		for _, name := range b.caught {
			named[name] = true
			at := slices.IndexFunc(limitCases, func(c limitCase) bool { return c.name == name })
			if at < 0 {
				t.Fatalf("there is no case %s", name)
			}
			t.Run(b.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				if !limitCatches(t, limitCases[at], b.faults) {
					t.Error("the case did not notice")
				}
			})
		}
	}
	for _, c := range limitCases {
		if !named[c.name] {
			t.Errorf("nothing shows that case %s can fail", c.name)
		}
	}
}

// A brokenLimits is a store and the cases that must notice.
type brokenLimits struct {
	name   string
	faults limitFaults
	caught []string
}
