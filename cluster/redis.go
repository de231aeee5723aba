package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisstore"
)

// resetTimeout is how long a backend is left alone after it failed. The lease and the
// relay's ping call it about once a second, so an outage ends soon after it is back.
const resetTimeout = time.Second

// connectTimeout bounds how long Start waits for Redis.
const connectTimeout = 10 * time.Second

// redisSide is everything of a node that talks to Redis.
type redisSide struct {
	conn  *redisconn.Conn
	store *redisstore.Store
	bus   *redisbus.Bus
}

// openRedis connects and builds what topics need. The node joins the others
// later, when it can serve.
func (n *Node) openRedis(ctx context.Context, cfg Config, name string) (_ *redisSide, err error) {
	b, err := breaker.New(n.system, breaker.Options{
		Backend: StoreRedis, ResetTimeout: resetTimeout, ProbeTimeout: 3 * time.Second,
		Answered: redisconn.Answered, Reason: redisconn.Reason, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	r := &redisSide{}
	r.conn, err = redisconn.Open(ctx, redisconn.Config{
		URL: cfg.Redis, Prefix: cfg.Prefix, Breaker: b, Logger: n.logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, err
	}
	r.store = redisstore.New(redisstore.Config{Conn: r.conn, Node: name, Replicas: cfg.Replicas, Registerer: cfg.Registerer})
	r.bus, err = redisbus.New(redisbus.Config{Conn: r.conn, Node: name, Logger: cfg.Logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, errors.Join(err, r.conn.Close())
	}
	n.health.watch(b)
	return r, nil
}

// close ends what topics no longer need.
func (r *redisSide) close(ctx context.Context) error {
	var errs []error
	if err := r.bus.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("relay: %w", err))
	}
	return errors.Join(append(errs, r.conn.Close())...)
}
