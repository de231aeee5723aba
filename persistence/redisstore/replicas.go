package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// runReplicated runs a script and waits until enough replicas have what it wrote.
func (s *Store) runReplicated(ctx context.Context, c call, script *redis.Script, name string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, err)
	}
	began := time.Now()
	answer, got, err := s.conn.RunAndWait(ctx, script, s.keys(name), args, s.replicas, s.replicaTimeout)
	if err == nil && got < s.replicas {
		err = &ReplicasError{Want: s.replicas, Got: got}
	}
	s.metrics.called(c, time.Since(began), err)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, explain(err))
	}
	return answer, nil
}
