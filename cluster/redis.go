package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/cluster/redislease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisstore"
)

// redisReset is how long Redis is left alone after it failed. The lease and the
// relay's ping call it about once a second, so an outage ends soon after Redis
// is back.
const redisReset = time.Second

// connectTimeout bounds how long Start waits for Redis.
const connectTimeout = 10 * time.Second

// redisSide is everything of a node that talks to Redis.
type redisSide struct {
	conn  *redisconn.Conn
	store *redisstore.Store
	bus   *redisbus.Bus
	agent *lease.Agent // nil until the node joins
}

// openRedis connects and builds what topics need. The node joins the others
// later, when it can serve.
func (n *Node) openRedis(ctx context.Context, cfg Config, name string) (_ *redisSide, err error) {
	b, err := breaker.New(n.system, breaker.Options{
		Backend: "redis", ResetTimeout: redisReset, ProbeTimeout: 3 * time.Second,
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

// join takes out the node's lease.
func (n *Node) join(ctx context.Context, cfg Config) (err error) {
	n.redis.agent, err = lease.Start(ctx, lease.Config{
		Registry: redislease.New(redislease.Config{Conn: n.redis.conn}),
		Self:     lease.Member{ID: n.id, Address: cfg.Address, Version: version(), Started: time.Now()},
		Logger:   cfg.Logger, Registerer: cfg.Registerer,
	})
	return err
}

// leave gives the lease back, so that the others see the node go. A node that could not
// clean up behind itself lets it run out: they do it then.
func (r *redisSide) leave(ctx context.Context, clean bool) error {
	switch {
	case r.agent == nil:
		return nil
	case clean:
		return r.agent.Close(ctx)
	}
	return r.agent.Abandon(ctx)
}

// close ends what topics no longer need.
func (r *redisSide) close(ctx context.Context) error {
	var errs []error
	if err := r.bus.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("relay: %w", err))
	}
	return errors.Join(append(errs, r.conn.Close())...)
}
