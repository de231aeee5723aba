package cluster

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/cluster/redislease"
)

// join takes out the node's lease.
func (n *Node) join(ctx context.Context, cfg Config) (err error) {
	n.agent, err = lease.Start(ctx, lease.Config{
		Registry: n.registry(),
		Self:     lease.Member{ID: n.id, Address: cfg.Address, Version: version(), Started: time.Now()},
		Logger:   cfg.Logger, Registerer: cfg.Registerer,
	})
	return err
}

func (n *Node) registry() lease.Registry {
	if n.redis != nil {
		return redislease.New(redislease.Config{Conn: n.redis.conn})
	}
	return pglease.New(pglease.Config{DB: n.postgres.leases})
}

// leave gives the lease back, so that the others see the node go. A node that could not
// clean up behind itself lets it run out: they do it then.
func (n *Node) leave(ctx context.Context, clean bool) error {
	switch {
	case n.agent == nil:
		return nil
	case clean:
		return n.agent.Close(ctx)
	}
	return n.agent.Abandon(ctx)
}

// lower ends what the node talked to the others with, once nobody talks any more.
func (n *Node) lower(ctx context.Context, clean bool) []error {
	errs := []error{step(ctx, "lease", func(ctx context.Context) error { return n.leave(ctx, clean) })}
	if n.postgres != nil {
		errs = append(errs, step(ctx, StorePostgres, n.postgres.close))
	}
	if n.redis != nil {
		errs = append(errs, step(ctx, StoreRedis, n.redis.close))
	}
	return errs
}

// Members are the nodes of the cluster as they were when this one last renewed
// its lease, sorted by ID; this one is among them. A node that keeps all in memory
// is alone and has no lease.
func (n *Node) Members() []lease.Lease {
	if n.agent == nil {
		return []lease.Lease{{Member: lease.Member{ID: n.id, Started: n.started, Version: version()}, State: lease.Alive}}
	}
	return n.agent.Members()
}

// Self is this node as it stands among Members.
func (n *Node) Self() lease.Member {
	if n.agent == nil {
		return n.Members()[0].Member
	}
	return n.agent.Self()
}
