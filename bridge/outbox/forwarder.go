package outbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Forwarder takes rows out of the outbox and publishes them. There may be one on every node; one of
// them works, the leader. Its methods are safe for concurrent use.
type Forwarder struct {
	cfg     Config
	metrics *metrics
	stop    context.CancelFunc // has it finish what is under way
	cancel  context.CancelFunc // ends everything
	done    chan struct{}      // closed when run has returned

	mu    sync.Mutex
	state State
}

// State is how a Forwarder is.
type State struct {
	Leader bool      // this one forwards
	Since  time.Time // when that last changed
	Err    error     // why it last failed to, or a topic or a row did, nil: never
	ErrAt  time.Time // when that was
}

// Start starts a Forwarder that takes part in the election. It returns at once; a database that is away is waited for. The
// error joins everything that is wrong with the configuration.
func Start(ctx context.Context, cfg Config) (*Forwarder, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	toStop, stop := context.WithCancel(ctx)
	f := &Forwarder{cfg: cfg, metrics: newMetrics(cfg.Registerer), stop: stop, cancel: cancel, done: make(chan struct{})}
	f.state.Since = time.Now()
	go f.run(ctx, toStop)
	return f, nil
}

// Close has the Forwarder finish what it has handed to the topics, gives leadership up, and returns when its connection
// is closed. If ctx ends before, it finishes nothing, and what it had not seen answered is published again by the next leader.
func (f *Forwarder) Close(ctx context.Context) error {
	f.stop()
	defer f.cancel()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
	}
	f.cancel()
	<-f.done
	return fmt.Errorf("outbox: close: %w", ctx.Err())
}

// State tells how the Forwarder is. What is in the outbox, Look tells.
func (f *Forwarder) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}
