package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

// A Node is a running member of a cluster. Its methods are safe for concurrent
// use.
type Node struct {
	// Static after Start.
	id           string
	logger       *slog.Logger
	metrics      *metrics
	system       *actors.System
	topics       *topic.Topics
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
		logger:       cfg.Logger.With("node", cfg.ID),
		drainTimeout: cfg.DrainTimeout,
		stopped:      make(chan struct{}),
	}
	if err := exclusively(func() error { return n.wire(cfg) }); err != nil {
		if n.system != nil {
			err = errors.Join(err, n.system.Close(ctx))
		}
		return nil, fmt.Errorf("cluster: start: %w", err)
	}
	n.unwatch = context.AfterFunc(ctx, n.abandoned)
	n.logger.Info("node started")
	return n, nil
}

// wire builds the floors from below. What it started when it fails is Start's
// to stop.
func (n *Node) wire(cfg Config) (err error) {
	n.metrics = newMetrics(cfg.Registerer)
	n.system = actors.NewSystem(actors.Config{Logger: n.logger, Registerer: cfg.Registerer})
	n.topics, err = topic.Start(topic.Config{
		Node:       n.id,
		System:     n.system,
		Log:        memstore.New(memstore.Config{MaxBytes: cfg.Memory, Registerer: cfg.Registerer}),
		Policies:   cfg.Topics,
		Logger:     n.logger,
		Registerer: cfg.Registerer,
	})
	return err
}

// ID names the node.
func (n *Node) ID() string { return n.id }

// Topics are the node's topics, the untyped face of topic.Of.
func (n *Node) Topics() *topic.Topics { return n.topics }

// System is where a program starts actors of its own. It ends with the node,
// after the topics.
func (n *Node) System() *actors.System { return n.system }

// Done is closed when the node is down, whoever stopped it.
func (n *Node) Done() <-chan struct{} { return n.stopped }

// abandoned runs when the context given to Start has ended.
func (n *Node) abandoned() {
	ctx, cancel := context.WithTimeout(context.Background(), n.drainTimeout)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		n.logger.Warn("node did not stop cleanly", "err", err)
	}
}
