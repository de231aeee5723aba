package lease

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// An Agent keeps a node's lease and watches the others'. Its methods are safe
// for concurrent use.
type Agent struct {
	// Static after Start.
	cfg     Config
	logger  *slog.Logger
	metrics *metrics
	ctx     context.Context // ends when the agent stops
	stop    context.CancelFunc
	looped  chan struct{} // closed when nothing is renewed any more
	done    chan struct{} // closed when nothing runs any more
	leaving sync.Once
	leftErr error

	// Owned by the loop.
	state    *state
	failures int // renewals in a row
	life     context.Context
	endLife  context.CancelFunc

	cleaner cleaner
	teller  teller

	// What others may see; guarded by mu.
	mu     sync.Mutex
	self   Member
	view   []Lease
	others []Member
	seen   time.Time // when the last renewal succeeded
	sure   time.Time // from when on the view is believed to be whole; zero: it is not
}

// Start takes out a lease for the node and keeps it until Close. Ctx bounds the
// first registration only, which has half of Config.Every.
func Start(ctx context.Context, cfg Config) (*Agent, error) {
	cfg = cfg.withDefaults()
	cfg.Self.Incarnation = rand.Text()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("lease: configuration: %w", err)
	}
	a := &Agent{cfg: cfg, logger: cfg.Logger.With("node", cfg.Self.ID), metrics: newMetrics(cfg.Registerer),
		looped: make(chan struct{}), done: make(chan struct{}),
		state: &state{ttl: cfg.TTL, every: cfg.Every, mint: rand.Text, self: cfg.Self,
			known: map[key]Member{}, dead: map[key]Member{}, twins: map[key]twin{}, buried: map[key]bool{}},
	}
	a.self = cfg.Self
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.life, a.endLife = context.WithCancel(a.ctx)
	a.teller.init(a.logger, a.metrics)
	a.cleaner.init(a)
	wait, err := a.renew(ctx)
	if err != nil {
		a.stop()
		return nil, fmt.Errorf("lease: join: %w", err)
	}
	go a.run(wait)
	return a, nil
}

// Self is the node's present life. It changes when the lease was lost and the next life
// has its own, just before listeners of OnLost are told.
func (a *Agent) Self() Member {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.self
}

// Members are all nodes as the last renewal showed them, this one among them, sorted
// by ID. The slice is shared and must not be changed.
func (a *Agent) Members() []Lease {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view
}

// OnChange has f told of every Change of other nodes, in order, beginning with
// a Joined for each that is there.
//
// Listeners of all kinds are called one at a time. A slow one delays the others, but
// not the lease; while one hangs, notices beyond maxNotices are dropped, logged and
// counted. One that panics is logged.
func (a *Agent) OnChange(f func(Change)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.others {
		a.teller.tell(func() { f(Change{Joined, m}) })
	}
	a.teller.changed = append(a.teller.changed, f)
}

// OnLost has f told when the others took this node for dead and it has registered
// anew. What it had registered elsewhere under old is being cleaned up, or was.
func (a *Agent) OnLost(f func(old, new Member)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.teller.lost = append(a.teller.lost, f)
}

// OnEmptied has f told when the backend, or one master of a Redis Cluster, has
// lost what it knew: once per loss, within Config.Every of the backend's return.
func (a *Agent) OnEmptied(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.teller.emptied = append(a.teller.emptied, f)
}

// OnCleanup has f called on exactly one survivor for each node that died. Fence is
// larger than that of any claim before it, whoever was dead: a backend that refuses writes with a
// smaller one than it has seen is safe from a cleaner that was paused.
//
// All hooks have returned nil: the dead node is forgotten. One fails, panics, or runs
// beyond Config.ClaimTTL, when its context ends: all are called again, on any
// survivor, with a larger fence. So hooks must be idempotent, and heed ctx. They are
// called in the order in which they were given, beside those for other nodes.
//
// No cleanup begins before the agent has run for Config.TTL.
func (a *Agent) OnCleanup(f Cleanup) {
	a.cleaner.mu.Lock()
	defer a.cleaner.mu.Unlock()
	a.cleaner.hooks = append(a.cleaner.hooks, f)
}

// Gone reports whether a life is certainly none of the cluster's: this node has itself renewed for
// Config.TTL without interruption, the last time just now, and saw no such member, and none that
// is dead and still to be cleaned up after. A life that began a moment ago may be Gone as well;
// whoever acts upon it asks a second time, Config.TTL later.
func (a *Agent) Gone(m Member) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.sure.IsZero() || now.Before(a.sure) || now.Sub(a.seen) > a.cfg.Every+a.cfg.Every/2 || m.key() == a.self.key() {
		return false
	}
	return !slices.ContainsFunc(a.view, func(l Lease) bool { return l.key() == m.key() })
}

// Close gives the lease back, so that the others see the node leave. It ends the context of
// cleanups under way, which are another survivor's from then on, and waits for them and for
// listeners until ctx ends. Further calls wait too.
func (a *Agent) Close(ctx context.Context) error {
	return a.close(ctx, func() {
		ctx, cancel := context.WithTimeout(ctx, a.cfg.Every/2)
		defer cancel()
		if err := a.cfg.Registry.Leave(ctx, a.Self()); err != nil {
			a.leftErr = fmt.Errorf("lease: leave: %w", err)
		}
	})
}

// Abandon stops as Close does, but leaves the lease to run out: the others take the node
// for dead and clean up after it. It is for a node that could not do that itself. After it
// Close does not give the lease back any more.
func (a *Agent) Abandon(ctx context.Context) error { return a.close(ctx, func() {}) }

func (a *Agent) close(ctx context.Context, leave func()) error {
	a.stop()
	if err := wait(ctx, a.looped); err != nil {
		return fmt.Errorf("lease: close: %w", err)
	}
	a.leaving.Do(leave)
	if err := wait(ctx, a.done); err != nil {
		return fmt.Errorf("lease: close: %w", err)
	}
	return a.leftErr
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// after is a timer's channel, and what frees it.
func after(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}
