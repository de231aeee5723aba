package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

var (
	//go:embed lua/limits_common.lua
	limitsCommonLua string
	//go:embed lua/limits_terms.lua
	limitsTermsLua string
	//go:embed lua/limits_bucket.lua
	limitsBucketLua string
	//go:embed lua/limits_fixed.lua
	limitsFixedLua string
	//go:embed lua/limits_sliding.lua
	limitsSlidingLua string
	//go:embed lua/limits_take.lua
	limitsTakeLua string
	//go:embed lua/limits_change.lua
	limitsChangeLua string
)

var (
	// limitsTake has a script for each ratelimit.Kind.
	limitsTake = [...]*redis.Script{
		ratelimit.Bucket:  takeScript(limitsBucketLua),
		ratelimit.Fixed:   takeScript(limitsFixedLua),
		ratelimit.Sliding: takeScript(limitsSlidingLua),
	}
	limitsChange = redis.NewScript(limitsCommonLua + limitsChangeLua)
)

func takeScript(kind string) *redis.Script {
	return redis.NewScript(limitsCommonLua + limitsTermsLua + kind + limitsTakeLua)
}

// Limits keep in Redis what was consumed of rate limits: a hash for each key. They are a
// ratelimit.Store. Their methods are safe for concurrent use; there is nothing to close.
type Limits struct {
	conn    *redisconn.Conn
	names   redisconn.Names
	metrics *metrics
}

var _ ratelimit.Store = (*Limits)(nil)

// NewLimits returns the limits on a connection, which they do not close. A nil reg counts
// without exposing.
func NewLimits(conn *redisconn.Conn, reg prometheus.Registerer) *Limits {
	return &Limits{conn: conn, names: conn.Names(), metrics: newMetrics(reg)}
}

// Place implements ratelimit.Store: on a Cluster a script may touch one slot only.
func (l *Limits) Place(_ ratelimit.Policy, key string) int {
	if l.conn.Cluster() {
		return redisconn.LimitPlace(key)
	}
	return 0
}

// Take implements ratelimit.Store, in one script call.
func (l *Limits) Take(ctx context.Context, p ratelimit.Policy, batch []ratelimit.Want) ([]ratelimit.Grant, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	keys := make([]string, len(batch))
	args := append(make([]any, 0, 7+len(batch)), termsOf(p)...)
	for i := range batch {
		keys[i] = l.names.Limit(p.Name, batch[i].Key)
		args = append(args, wantArg(&batch[i]))
	}
	answer, err := l.run(ctx, callTake, limitsTake[p.Kind], keys, args...)
	if err != nil {
		return nil, err
	}
	return grants(answer, batch)
}

func termsOf(p ratelimit.Policy) []any {
	t := p.Terms()
	return []any{t.Points, t.Interval, t.Block, t.Lease, t.Token, t.Rate, t.Strip}
}

// wantArg is how the script reads a Want: mostly it is one consume.
func wantArg(w *ratelimit.Want) any {
	if w.Count == 1 && w.Ahead == 0 {
		return w.Cost
	}
	b := strconv.AppendInt(make([]byte, 0, 24), int64(w.Cost), 10)
	b = strconv.AppendInt(append(b, ' '), int64(w.Count), 10)
	return strconv.AppendInt(append(b, ' '), int64(w.Ahead), 10)
}

// grants reads the script's answer.
func grants(answer any, batch []ratelimit.Want) ([]ratelimit.Grant, error) {
	list, _ := answer.([]any)
	numbers, bad := list, false
	next := func() int64 {
		if len(numbers) == 0 {
			bad = true
			return 0
		}
		n, ok := numbers[0].(int64)
		bad = bad || !ok
		numbers = numbers[1:]
		return n
	}
	all := make([]ratelimit.Grant, len(batch))
	for i := range all {
		g := &all[i]
		g.Allowed, g.Remaining = int(next()), int(next())
		g.Next, g.Reset = microseconds(next()), microseconds(next())
		if g.Blocked = g.Remaining < 0; g.Blocked {
			g.Remaining = 0
		}
		if batch[i].Ahead > 0 {
			g.Leased = int(next())
			g.LeaseFor = ratelimit.Usable(microseconds(next()))
		}
	}
	if bad || len(numbers) > 0 {
		return nil, fmt.Errorf("redisstore: %s: %w", callTake, errAnswer)
	}
	return all, nil
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Change implements ratelimit.Store.
func (l *Limits) Change(ctx context.Context, p ratelimit.Policy, key string, c ratelimit.Change) error {
	what := "reset"
	switch c.Do {
	case ratelimit.Ban:
		what = "ban"
	case ratelimit.Unban:
		what = "unban"
	}
	rest := (c.For + time.Microsecond - 1) / time.Microsecond
	_, err := l.run(ctx, callChange, limitsChange, []string{l.names.Limit(p.Name, key)}, what, int64(rest))
	return err
}

func (l *Limits) run(ctx context.Context, c call, script *redis.Script, keys []string, args ...any) (any, error) {
	began := time.Now()
	answer, err := l.conn.Run(ctx, script, keys, args...)
	l.metrics.called(c, time.Since(began), err)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, explain(err))
	}
	return answer, nil
}
