package group

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A Store keeps the groups of a cluster. persistence/memstore and
// persistence/redisstore have one, by the name of NewRosters.
type Store interface {
	roster.Store
	roster.Closer
	roster.Notebook
}

// Config of Groups. System and Store are required.
type Config struct {
	System *actors.System
	Store  Store

	// Relay brings what happens on other nodes. nil: there are none.
	Relay topic.Relay

	// Node names this node to the others. It must be unique among them and have no
	// space.
	//
	// Required with a Relay.
	Node string

	// Life is the node's present life in the Store: another one after each time that
	// the node was taken for dead. It is called often.
	//
	// Defaults to Node.
	Life func() string

	// Alive reports whether a life is one of the cluster's; members of one that is not
	// leave.
	//
	// Defaults to taking all for alive.
	Alive func(life string) bool

	// Policies say how groups behave; the first match decides. Without any, every
	// name is a group with the default Policy; with some, only names that one matches.
	Policies []Policy

	Hooks Hooks

	// Timeout bounds each call of the Store and the Relay.
	//
	// Defaults to roster.DefaultTimeout.
	Timeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) validate() error {
	var faults []error
	if c.System == nil {
		faults = append(faults, errors.New("group: config: system is required"))
	}
	if c.Store == nil {
		faults = append(faults, errors.New("group: config: store is required"))
	}
	if c.Relay != nil && c.Node == "" {
		faults = append(faults, errors.New("group: config: node is required with a relay"))
	}
	if c.Timeout < 0 {
		faults = append(faults, errors.New("group: config: timeout must not be negative"))
	}
	for i, p := range c.Policies {
		for _, err := range p.WithDefaults().Faults() {
			faults = append(faults, &PolicyError{Index: i, Match: p.Match, Err: err})
		}
	}
	return errors.Join(faults...)
}

// Start checks the configuration and takes up work. The error joins everything that
// is wrong with it.
func Start(cfg Config) (*Groups, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, roster.DefaultTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Groups{cfg: cfg}
	for _, p := range cfg.Policies {
		g.policies = append(g.policies, p.WithDefaults())
	}
	g.metrics = newMetrics(cfg.Registerer, g.policies)
	g.hooks = startHooks(cfg.Hooks, g.metrics, cfg.Logger)
	g.places = newPlaces(g.hooks)
	rosters, err := roster.Start(roster.Config{
		System: cfg.System, Kind: "group", Prefix: prefix,
		Store: cfg.Store, Relay: cfg.Relay, Node: cfg.Node, Life: cfg.Life, Alive: cfg.Alive,
		Rules: g.rules, Face: g.face,
		Timeout: cfg.Timeout, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		_ = g.hooks.stop(context.Background()) // none was called
		return nil, err
	}
	g.rosters = rosters
	return g, nil
}
