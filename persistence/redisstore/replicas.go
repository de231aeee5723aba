package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// runReplicated runs a script and waits until enough replicas have what it wrote.
func (s *Store) runReplicated(ctx context.Context, c call, script *redis.Script, name string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, err)
	}
	var answer any
	var got int64
	began := time.Now()
	err := s.guarded(ctx, func(ctx context.Context) (err error) {
		answer, got, err = s.evalAndWait(ctx, script, s.keys(name), args)
		return err
	})
	s.metrics.called(c, time.Since(began), err)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, explain(err))
	}
	if got < int64(s.replicas) {
		return nil, fmt.Errorf("redisstore: %s: %w", c, &ReplicasError{Want: s.replicas, Got: int(got)})
	}
	return answer, nil
}

// guarded calls f as Conn.Run would send a command.
func (s *Store) guarded(ctx context.Context, f func(context.Context) error) error {
	timeout := s.replicaTimeout + redisconn.DefaultTimeout
	if b := s.conn.Breaker(); b != nil {
		return b.Do(ctx, timeout, f)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f(ctx)
}

// evalAndWait sends the script and WAIT through one connection, for Redis counts by
// connection what replicas have acknowledged. An attempt that is repeated had no effect.
func (s *Store) evalAndWait(ctx context.Context, script *redis.Script, keys []string, args []any) (any, int64, error) {
	full := false
	for tries := 3; ; tries-- {
		master, err := s.master(ctx, keys[0])
		if err != nil {
			return nil, 0, err
		}
		pipe := master.Pipeline()
		eval := script.EvalSha
		if full {
			eval = script.Eval
		}
		run := eval(ctx, pipe, keys, args...)
		wait := pipe.Do(ctx, "wait", s.replicas, s.replicaTimeout.Milliseconds())
		_, _ = pipe.Exec(ctx) // each command has its own error
		switch err := run.Err(); {
		case err == nil:
			got, err := wait.Int64()
			return run.Val(), got, err
		case redis.HasErrorPrefix(err, "NOSCRIPT") && tries > 0:
			full = true
		case redis.HasErrorPrefix(err, "MOVED") && tries > 0:
			if cluster, ok := s.conn.Client().(*redis.ClusterClient); ok {
				cluster.ReloadState(ctx)
			}
		default:
			return nil, 0, err
		}
	}
}

// master is the client of the server that a key is on.
func (s *Store) master(ctx context.Context, key string) (redis.Cmdable, error) {
	if cluster, ok := s.conn.Client().(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.conn.Client(), nil
}
