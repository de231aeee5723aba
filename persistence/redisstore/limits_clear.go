package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// limitsScan is about how many keys Redis looks at in one step of Clear.
const limitsScan = 1000

// Clear implements ratelimit.Store. It looks at every key that Redis has, in small steps, and
// on a Cluster on every master.
func (l *Limits) Clear(ctx context.Context, p ratelimit.Policy) error {
	began := time.Now()
	err := l.clear(ctx, l.names.LimitPattern(p.Name))
	l.metrics.called(callForget, time.Since(began), err)
	if err != nil {
		return fmt.Errorf("redisstore: %s: %w", callForget, err)
	}
	return nil
}

func (l *Limits) clear(ctx context.Context, pattern string) error {
	cluster, ok := l.conn.Client().(*redis.ClusterClient)
	if !ok {
		return l.clearNode(ctx, l.conn.Client(), pattern)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return l.clearNode(ctx, node, pattern)
	})
}

func (l *Limits) clearNode(ctx context.Context, node redis.Cmdable, pattern string) error {
	for cursor := uint64(0); ; {
		var keys []string
		err := l.guarded(ctx, func(ctx context.Context) (err error) {
			if keys, cursor, err = node.Scan(ctx, cursor, pattern, limitsScan).Result(); err != nil || len(keys) == 0 {
				return err
			}
			// One by one: on a Cluster they are in different slots.
			_, err = node.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for _, key := range keys {
					pipe.Unlink(ctx, key)
				}
				return nil
			})
			return err
		})
		if err != nil || cursor == 0 {
			return err
		}
	}
}

// guarded asks the breaker and bounds the time of one step.
func (l *Limits) guarded(ctx context.Context, f func(context.Context) error) error {
	if b := l.conn.Breaker(); b != nil {
		return b.Do(ctx, l.conn.Timeout(), f)
	}
	ctx, cancel := context.WithTimeout(ctx, l.conn.Timeout())
	defer cancel()
	return f(ctx)
}
