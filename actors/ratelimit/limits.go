package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
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
	cfg      Config
	patience time.Duration // bounds one call of the Store
	local    bool          // the Store does no I/O
	began    time.Time
	limits   map[string]*limit
	keeper   *actors.Keeper[message]
	live     atomic.Int64 // actors
	spares   spares

	closed atomic.Bool
	calls  sync.WaitGroup // of the Store, by lines
	ctx    context.Context
	stop   context.CancelFunc
}

// A limit is a Policy and what belongs to it.
type limit struct {
	policy  Policy
	terms   Terms
	metrics *limitMetrics
	faces   faces

	mu     sync.RWMutex
	lines  map[int]*line // by Place
	closed bool
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
	l := &Limits{cfg: cfg, patience: cfg.Timeout / 2, began: time.Now(), limits: make(map[string]*limit, len(cfg.Policies))}
	_, l.local = cfg.Store.(LocalStore)
	l.spares.init()
	l.ctx, l.stop = context.WithCancel(context.Background())
	metrics := newMetrics(cfg.Registerer)
	for _, p := range cfg.Policies {
		p = p.WithDefaults()
		lim := &limit{policy: p, terms: p.Terms(), metrics: metrics(p.Name), lines: make(map[int]*line)}
		lim.faces.init()
		l.limits[p.Name] = lim
	}
	l.keeper = actors.NewKeeper(cfg.System, actors.Kind[message]{
		Name:      "ratelimit",
		New:       l.newActor,
		IdleAfter: idleAfter,
	})
	return l, nil
}

// maxLive bounds the actors of a node. Keys beyond it fail.
const maxLive = 1_000_000

// idleAfter is how long the actor of a key stays that nobody asks for. It holds nothing
// that the Store has not.
const idleAfter = 10 * time.Second

// clock is the node's own, in nanoseconds. It does not jump.
func (l *Limits) clock() int64 { return int64(time.Since(l.began)) + 1 }

// Len is how many keys have an actor right now.
func (l *Limits) Len() int { return l.keeper.Len() }

// Policy returns the limit of that name, and whether there is one.
func (l *Limits) Policy(name string) (Policy, bool) {
	lim, ok := l.limits[name]
	if !ok {
		return Policy{}, false
	}
	return lim.policy, true
}

// Close refuses what comes from now on and what waits, both with ErrClosed, and returns when
// what the Store was asked is answered. When ctx ends before that it is given up.
func (l *Limits) Close(ctx context.Context) error {
	err := l.keeper.Close(ctx)
	l.closed.Store(true)
	for _, lim := range l.limits {
		lim.close()
	}
	if err != nil {
		l.stop()
	}
	done := make(chan struct{})
	go func() { l.calls.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		if l.stop(); err == nil { // the Store returns soon
			err = fmt.Errorf("ratelimit: close: %w", ctx.Err())
		}
		<-done
	}
	l.stop()
	return err
}

// close lets no line begin a call any more.
func (lim *limit) close() {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.closed = true
	for _, n := range lim.lines {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
	}
}

// line returns the line of a place.
func (l *Limits) line(lim *limit, place int) *line {
	lim.mu.RLock()
	n := lim.lines[place]
	lim.mu.RUnlock()
	if n != nil {
		return n
	}
	lim.mu.Lock()
	defer lim.mu.Unlock()
	if n = lim.lines[place]; n == nil {
		n = &line{l: l, lim: lim, closed: lim.closed}
		lim.lines[place] = n
	}
	return n
}

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
