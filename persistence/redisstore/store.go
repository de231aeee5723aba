package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/topic"
)

// Config of a Store. Conn is required.
type Config struct {
	// Conn is the node's way to Redis. The Store does not close it.
	Conn *redisconn.Conn

	// Node is how the frames that the Store sends name their sender. It must be what
	// the node's topics are started with: by it they know their own frames.
	//
	// Defaults to a random name, for programs without topics.
	Node string

	// Replicas is how many replicas must have an event before Append returns. More of
	// them, or 0, trade safety against time: a round trip from Redis to the replica.
	//
	// Defaults to 0: Redis itself is enough.
	Replicas int

	// ReplicaTimeout bounds the wait for them, in whole milliseconds. It has to be
	// shorter than the timeout of Conn.
	//
	// Defaults to half of that.
	ReplicaTimeout time.Duration

	Registerer prometheus.Registerer // nil counts without exposing
}

// A Store keeps what a cluster shares in Redis. Its methods are safe for
// concurrent use. There is nothing to close.
type Store struct {
	conn           *redisconn.Conn
	names          redisconn.Names
	head           []byte // of every frame
	publish        string // the command
	replicas       int
	replicaTimeout time.Duration
	metrics        *metrics
}

// New returns a Store on a connection.
func New(cfg Config) *Store {
	s := &Store{
		conn:           cfg.Conn,
		names:          cfg.Conn.Names(),
		head:           topic.FrameHead(cmp.Or(cfg.Node, newEpoch())),
		publish:        "publish",
		replicas:       max(cfg.Replicas, 0),
		replicaTimeout: max(cmp.Or(cfg.ReplicaTimeout, cfg.Conn.Timeout()/2), time.Millisecond),
		metrics:        newMetrics(cfg.Registerer),
	}
	if cfg.Conn.Cluster() {
		s.publish = "spublish"
	}
	return s
}

// newEpoch is a name that never comes back: 65 random bits.
func newEpoch() string { return rand.Text()[:13] }

// run calls a script on the keys of a topic.
func (s *Store) run(ctx context.Context, c call, script *redis.Script, name string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, err)
	}
	began := time.Now()
	answer, err := s.conn.Run(ctx, script, s.keys(name), args...)
	s.metrics.called(c, time.Since(began), err)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", c, explain(err))
	}
	return answer, nil
}

// keys are those of a topic, in the order that scripts expect.
func (s *Store) keys(name string) []string {
	return []string{s.names.Head(name), s.names.Log(name), s.names.IDs(name, 0), s.names.IDs(name, 1)}
}
