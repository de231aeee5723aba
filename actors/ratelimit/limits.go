package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
)

// DefaultTimeout is how long a consume may wait for the Store.
const DefaultTimeout = time.Second

// Config of Limits. System and Store are required.
type Config struct {
	System *actors.System
	Store  Store

	// Policies are the limits. Their names differ.
	Policies []Policy

	// Node names this node in logs.
	Node string

	// Timeout bounds every call. A consume that the Store has not answered by then fails:
	// it is not allowed. Half of it bounds one call of the Store.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) validate() error {
	var faults []error
	if c.System == nil {
		faults = append(faults, errors.New("ratelimit: config: system is required"))
	}
	if c.Store == nil {
		faults = append(faults, errors.New("ratelimit: config: store is required"))
	}
	if c.Timeout < 0 {
		faults = append(faults, errors.New("ratelimit: config: timeout must not be negative"))
	}
	seen := map[string]bool{}
	for i, p := range c.Policies {
		for _, err := range p.WithDefaults().Faults() {
			faults = append(faults, &PolicyError{Index: i, Name: p.Name, Err: err})
		}
		if seen[p.Name] {
			faults = append(faults, &PolicyError{Index: i, Name: p.Name, Err: errors.New("name: is there twice")})
		}
		seen[p.Name] = true
	}
	return errors.Join(faults...)
}

// Limits are the rate limits of a node: an actor for each limit and key that is in
// use. All methods are safe for concurrent use.
type Limits struct {
	cfg    Config
	limits map[string]*limit
}

// A limit is a Policy and what belongs to it.
type limit struct {
	policy Policy
}

// Start checks the configuration and takes up work. The error joins everything that is
// wrong with it.
func Start(cfg Config) (*Limits, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Limits{cfg: cfg, limits: make(map[string]*limit, len(cfg.Policies))}
	for _, p := range cfg.Policies {
		l.limits[p.Name] = &limit{policy: p.WithDefaults()}
	}
	return l, nil
}

// Policy returns the limit of that name, and whether there is one.
func (l *Limits) Policy(name string) (Policy, bool) {
	lim, ok := l.limits[name]
	if !ok {
		return Policy{}, false
	}
	return lim.policy, true
}

// Close refuses what comes from now on, and waits until what was asked for is answered,
// or until ctx ends.
func (l *Limits) Close(context.Context) error { return nil }

// find returns a limit, or why there is none for this key.
func (l *Limits) find(name, key string) (*limit, error) {
	lim := l.limits[name]
	if lim == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	if key == "" || len(key) > maxKey {
		return nil, &InputError{Field: "key", Rule: fmt.Sprintf("must be 1 to %d bytes long", maxKey)}
	}
	return lim, nil
}
