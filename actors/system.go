package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"
)

// Config of a System. The zero value works.
type Config struct {
	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one System
}

// A System is what all actors of a node share: the goroutines they run on,
// supervision, notices and metrics. There is one per node. Its methods may be
// called from any goroutine.
type System struct {
	core    *actor.ActorSystem
	pool    *pool
	log     *slog.Logger
	metrics *metrics
	notices notices
	names   atomic.Uint64 // activations so far, for unique names
	replies sync.Pool     // of chan struct{}: belongs to the system so that a synctest bubble keeps its own

	ctx    context.Context // of work given to Context.Go
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	keepers []closer // oldest first
	closed  bool
}

type closer interface {
	Close(ctx context.Context) error
}

// NewSystem returns a System without actors. The caller must Close it.
func NewSystem(cfg Config) *System {
	s := &System{pool: newPool(), log: cfg.Logger, metrics: newMetrics(cfg.Registerer)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.replies.New = func() any { return make(chan struct{}, 1) }
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	// protoactor logs whole messages and panic values, so it gets no logger; what is
	// worth saying about an actor is traced here.
	s.core = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	s.core.EventStream.Subscribe(func(event any) {
		if _, ok := event.(*actor.DeadLetterEvent); ok {
			s.metrics.unaddressed.Inc()
		}
	})
	return s
}

// Announce lets every actor that implements NoticeHandler, those spawned later
// included, see notice before the next message it handles. Nothing is sent and
// no idle actor wakes. Of several notices about one [Subject] an actor may see
// only the newest.
func (s *System) Announce(notice any) {
	s.notices.announce(notice)
}

// Close closes all keepers, the newest first, and waits for their actors and
// the work given to Context.Go; then no goroutine of the system is left. When ctx
// ends before that, the context of that work ends, actors stop without handling
// the rest of their queues, and Close returns an error without waiting further.
// Close may be called again, to wait again.
func (s *System) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	keepers := slices.Clone(s.keepers)
	s.mu.Unlock()

	var errs []error
	for _, k := range slices.Backward(keepers) {
		errs = append(errs, k.Close(ctx))
	}
	s.cancel(ErrClosed)
	if err := s.pool.close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("actors: wait for work: %w", err))
	}
	return errors.Join(errs...)
}

// adopt lists k and reports whether the system is open.
func (s *System) adopt(k closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.keepers = append(s.keepers, k)
	return true
}

func (s *System) disown(k closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepers = slices.DeleteFunc(s.keepers, func(o closer) bool { return o == k })
}
