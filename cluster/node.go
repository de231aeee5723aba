package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// A Node is a running member of a cluster. Its methods are safe for concurrent
// use.
type Node struct {
	// Static after Start.
	id           string
	started      time.Time
	logger       *slog.Logger
	metrics      *metrics
	system       *actors.System
	topics       *topic.Topics
	rooms        rooms
	bridges      bridges
	health       *health
	redis        *redisSide    // nil without
	postgres     *postgresSide // nil without
	agent        *lease.Agent  // nil until the node joins, and where it is alone
	drainTimeout time.Duration
	unwatch      func() bool // lets go of the context given to Start

	// Stopping; guarded by mu.
	mu      sync.Mutex
	hooks   []hook
	hasten  context.CancelCauseFunc // set by the first call that stops the node
	stopped chan struct{}           // closed when everything is down
	err     error                   // what did not finish; written before stopped is closed
}

// Start brings a node up. When ctx ends, the node drains by itself within
// Config.DrainTimeout. An error joins a *ConfigError for each fault of cfg.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("cluster: configuration: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("cluster: start: %w", context.Cause(ctx))
	}
	n := &Node{
		id:           cfg.ID,
		started:      time.Now(),
		logger:       cfg.Logger.With("node", cfg.ID),
		health:       newHealth(),
		drainTimeout: cfg.DrainTimeout,
		stopped:      make(chan struct{}),
	}
	if err := exclusively(func() error { return n.wire(ctx, cfg) }); err != nil {
		return nil, fmt.Errorf("cluster: start: %w", errors.Join(err, n.unwire(ctx)))
	}
	n.unwatch = context.AfterFunc(ctx, n.abandoned)
	n.logger.Info("node started")
	return n, nil
}

// wire builds the floors from below. What it started when it fails is unwire's
// to stop.
func (n *Node) wire(ctx context.Context, cfg Config) (err error) {
	n.metrics = newMetrics(cfg.Registerer)
	n.system = actors.NewSystem(actors.Config{Logger: n.logger, Registerer: cfg.Registerer})
	topics := topic.Config{
		Node:       n.id,
		System:     n.system,
		Policies:   cfg.Topics,
		Logger:     n.logger,
		Registerer: cfg.Registerer,
	}
	if cfg.clustered() {
		// Frames carry a name that no other process has: two nodes that were given
		// one ID by mistake would take each other's frames for their own.
		topics.Node = n.id + "/" + rand.Text()[:8]
	}
	if err = n.open(ctx, cfg, &topics); err != nil {
		return err
	}
	topics.Log, topics.Logs = n.logs(cfg)
	if n.topics, err = topic.Start(topics); err != nil {
		return err
	}
	if cfg.clustered() {
		if err = n.join(ctx, cfg); err != nil {
			return err
		}
	}
	if err = n.furnish(cfg, n.ports(topics.Node, cfg.Registerer)); err != nil {
		return err
	}
	return n.bridge(ctx, cfg)
}

// open connects to what the nodes share.
func (n *Node) open(ctx context.Context, cfg Config, topics *topic.Config) (err error) {
	if cfg.Postgres != "" {
		if n.postgres, err = n.openPostgres(ctx, cfg, topics.Node); err != nil {
			return err
		}
		if n.postgres.bus != nil {
			topics.Relay = n.postgres.bus
		}
	}
	if cfg.Redis != "" {
		if n.redis, err = n.openRedis(ctx, cfg, topics.Node); err != nil {
			return err
		}
		topics.Relay = n.redis.bus
	}
	return nil
}

// unwire stops what wire had started when it failed.
func (n *Node) unwire(ctx context.Context) error {
	ctx, cancel := atLeast(ctx, grace)
	defer cancel()
	errs := []error{n.bridges.close(ctx)}
	clean, err := n.rooms.close(ctx)
	errs = append(errs, err)
	if n.topics != nil {
		errs = append(errs, n.topics.Close(ctx))
	}
	errs = append(errs, n.lower(ctx, clean)...)
	if n.system != nil {
		errs = append(errs, n.system.Close(ctx))
	}
	return errors.Join(errs...)
}

// ID names the node.
func (n *Node) ID() string { return n.id }

// Topics are the node's topics, the untyped face of topic.Of.
func (n *Node) Topics() *topic.Topics { return n.topics }

// System is where a program starts actors of its own. It ends with the node,
// after the topics.
func (n *Node) System() *actors.System { return n.system }

// Postgres is the node's way to Postgres; nil without.
func (n *Node) Postgres() *pgdb.DB {
	if n.postgres == nil {
		return nil
	}
	return n.postgres.db
}

// Done is closed when the node is down, whoever stopped it.
func (n *Node) Done() <-chan struct{} { return n.stopped }

// version is what the build knows of the program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// abandoned runs when the context given to Start has ended.
func (n *Node) abandoned() {
	ctx, cancel := context.WithTimeout(context.Background(), n.drainTimeout)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		n.logger.Warn("node did not stop cleanly", "err", err)
	}
}
