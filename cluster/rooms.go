package cluster

import (
	"context"
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/redisstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// rooms is what a node has beside its topics: who is there, where they point, the groups
// they are in, and how often they may do what.
type rooms struct {
	presence *presence.Presence
	cursors  *cursor.Boards
	groups   *group.Groups
	limits   *ratelimit.Limits
}

// ports are what rooms stand on.
type ports struct {
	rosters group.Store
	cursors cursor.Store
	limits  ratelimit.Store
	relay   topic.Relay
	node    string
	life    func() string
	alive   func(life string) bool
}

// ports are those of a node that keeps all in memory, or those over Redis, or over Postgres.
func (n *Node) ports(name string, reg prometheus.Registerer) ports {
	if n.agent == nil {
		return ports{rosters: memstore.NewLocalRosters(), limits: memstore.NewLimits(0), node: name}
	}
	p := ports{
		node: name,
		life: func() string { return lifeOf(n.agent.Self()) },
		// Those who are dead and still to be cleaned up after count as alive: that is under way.
		alive: func(life string) bool { return !n.agent.Gone(memberOf(life)) },
	}
	if r := n.redis; r != nil {
		p.rosters, p.cursors, p.limits = redisstore.NewRosters(r.conn), redisstore.NewCursors(r.conn), redisstore.NewLimits(r.conn, reg)
		p.relay = r.bus
		return p
	}
	p.rosters, p.cursors, p.limits = n.postgres.rosters, n.postgres.cursors, n.postgres.limits
	p.relay = n.postgres.bus
	return p
}

// lifeOf is how stores call a life of a node; memberOf is its inverse.
func lifeOf(m lease.Member) string { return m.ID + "/" + m.Incarnation }

func memberOf(life string) lease.Member {
	i := strings.LastIndexByte(life, '/')
	return lease.Member{ID: life[:max(i, 0)], Incarnation: life[i+1:]}
}

// furnish starts the rooms. In a cluster the node has its lease already, since what is
// kept there is kept under its life.
func (n *Node) furnish(cfg Config, p ports) (err error) {
	n.rooms.presence, err = presence.Start(presence.Config{
		System: n.system, Store: p.rosters, Relay: p.relay, Node: p.node, Life: p.life, Alive: p.alive,
		Policies: cfg.Presence, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return err
	}
	n.rooms.groups, err = group.Start(group.Config{
		System: n.system, Store: p.rosters, Relay: p.relay, Node: p.node, Life: p.life, Alive: p.alive,
		Policies: cfg.Groups, Hooks: cfg.GroupHooks, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return err
	}
	n.rooms.cursors, err = cursor.Start(cursor.Config{
		System: n.system, Store: p.cursors, Relay: p.relay, Node: p.node, Life: p.life,
		Policies: cfg.Cursors, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return err
	}
	n.rooms.limits, err = ratelimit.Start(ratelimit.Config{
		System: n.system, Store: p.limits, Node: n.id, Policies: cfg.Limits, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return err
	}
	if n.agent != nil {
		n.tend(n.agent)
	}
	return nil
}

// tend tells the rooms what becomes of nodes and of what they share.
func (n *Node) tend(agent *lease.Agent) {
	r := &n.rooms
	agent.OnCleanup(func(ctx context.Context, dead lease.Member, _ uint64) error {
		life := lifeOf(dead)
		return errors.Join(r.presence.Bury(ctx, life), r.groups.Bury(ctx, life))
	})
	agent.OnLost(func(lease.Member, lease.Member) {
		r.presence.Reborn()
		r.groups.Reborn()
		r.cursors.Recheck()
	})
	agent.OnChange(func(c lease.Change) {
		if c.Kind == lease.Died || c.Kind == lease.Left {
			r.cursors.Forget(lifeOf(c.Member))
		}
		if c.Kind == lease.Died && n.postgres != nil {
			n.topics.Recheck() // it may have written an event and died before it told anybody
		}
	})
	agent.OnEmptied(func() {
		n.logger.Warn("the backend was emptied; what is known here is compared with it", "backend", n.sharedBackend())
		n.topics.Recheck()
		r.recheck()
	})
	n.OnHealth(func(c breaker.Change) {
		if c.Ended() {
			r.recheck()
		}
	})
}

// recheck has all compare what they know with the backend.
func (r *rooms) recheck() {
	r.presence.Recheck()
	r.groups.Recheck()
	r.cursors.Recheck()
}

// close ends what furnish started, all at the same time. Clean is false if others have to
// clean up after this node.
func (r *rooms) close(ctx context.Context) (clean bool, err error) {
	var parts []part
	if r.presence != nil {
		parts = append(parts, part{"presence", r.presence.Close})
	}
	if r.groups != nil {
		parts = append(parts, part{"groups", r.groups.Stop})
	}
	buried := len(parts)
	if r.cursors != nil {
		parts = append(parts, part{"cursors", r.cursors.Close})
	}
	if r.limits != nil {
		parts = append(parts, part{"limits", r.limits.Close})
	}
	errs := together(ctx, parts)
	return errors.Join(errs[:buried]...) == nil, errors.Join(errs...)
}

// Presence is who is on the node's topics.
func (n *Node) Presence() *presence.Presence { return n.rooms.presence }

// Cursors are the boards of the node's topics.
func (n *Node) Cursors() *cursor.Boards { return n.rooms.cursors }

// Groups are the groups that this node serves.
func (n *Node) Groups() *group.Groups { return n.rooms.groups }

// Limits are those of Config.Limits.
func (n *Node) Limits() *ratelimit.Limits { return n.rooms.limits }

// sharedBackend is what the nodes of the cluster share.
func (n *Node) sharedBackend() string {
	if n.redis != nil {
		return StoreRedis
	}
	return StorePostgres
}
