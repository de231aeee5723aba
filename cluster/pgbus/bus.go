package pgbus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Bounds of the time between tries to connect, which is jittered: many nodes lose their connections at the
// same moment.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = 2 * time.Second
)

// A Bus is a topic.Relay on NOTIFY. Its methods are safe for concurrent use.
type Bus struct {
	cfg     Config
	db      *pgdb.DB
	log     *slog.Logger
	metrics *metrics
	channel string

	cancel   context.CancelFunc
	wait     sync.WaitGroup
	listener *pgdb.Listener
	in       pgdb.Assembler // the listener's goroutine owns it

	out  outbox
	kick chan struct{} // for the sender

	broken   atomic.Int64  // when frames were lost in a packet, in Unix nanoseconds; 0: none
	answered atomic.Uint64 // transactions that succeeded

	mu        sync.RWMutex
	closed    bool
	listening bool
	down      bool // said so, and not up since
	entries   map[string]*entry
}

var _ topic.Relay = (*Bus)(nil)

// New returns a Bus that connects by itself, for as long as it takes. The error joins everything that
// is wrong with the configuration.
func New(cfg Config) (*Bus, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	b := &Bus{
		cfg: cfg, db: cfg.DB, channel: cfg.DB.FrameChannel(),
		log:     cfg.Logger.With("node", cfg.Node, "backend", "postgres"),
		kick:    make(chan struct{}, 1),
		out:     outbox{limit: cfg.MaxQueue},
		entries: make(map[string]*entry),
	}
	b.metrics = newMetrics(cfg.Registerer, b)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.wait.Go(func() { b.sendAll(ctx) })
	b.wait.Go(func() { b.watch(ctx) })
	b.listener = b.db.Listen(pgdb.ListenConfig{
		Role: "relay", Channels: []string{b.channel}, Keepalive: cfg.Ping, MinWait: firstPause, MaxWait: longestPause,
		Received: b.received, Listening: b.onListening, Lost: b.onLost,
	})
	return b, nil
}

// Close stops listening, ends every Publish and Follow under way, and returns when that is done or
// ctx ends. The DB stays open.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed, b.listening = true, false
	var left waiters
	for name, e := range b.entries {
		left = append(left, e.release(ErrClosed)...)
		delete(b.entries, name)
	}
	b.mu.Unlock()
	left.tell()
	b.cancel()
	down := make(chan struct{})
	go func() { b.listener.Close(); b.wait.Wait(); close(down) }()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pgbus: close: %w", ctx.Err())
	}
}

// MaxFrame is the size in bytes above which a frame of a topic with history had better be a notice
// that there is something to read: what is sent goes to all nodes, also to those that do not follow.
func (b *Bus) MaxFrame() int { return noticeAbove }

// Connected reports whether the node hears others.
func (b *Bus) Connected() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.listening
}
