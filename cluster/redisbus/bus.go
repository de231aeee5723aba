package redisbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/topic"
)

// MaxFrame is the size in bytes above which a frame is neither sent nor handed on.
const MaxFrame = 20 << 20

// DefaultPing is how often a connection is tried.
const DefaultPing = time.Second

// pingsMissed in a row are the end of a connection.
const pingsMissed = 5

var (
	// ErrClosed is returned by a Bus that was closed.
	ErrClosed = errors.New("redisbus: closed")

	// ErrTooLarge refuses to publish a frame of more than MaxFrame bytes.
	ErrTooLarge = errors.New("redisbus: frame is too large")

	// ErrUnfollowed ends a Follow whose topic was given up by Unfollow meanwhile.
	ErrUnfollowed = errors.New("redisbus: unfollowed")
)

// Config of a Bus. Conn and Node are required.
type Config struct {
	// Conn is the node's connection to Redis. It must outlive the Bus.
	Conn *redisconn.Conn

	// Node names this node; it must be unique among those that share the backend.
	Node string

	// Ping is how often each subscription connection is tried with a message to
	// oneself. After five that were sent and did not come back the connection is
	// given up and made anew: a shorter time finds half-open connections sooner.
	//
	// Defaults to DefaultPing.
	Ping time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) validate() error {
	var faults []error
	if c.Conn == nil {
		faults = append(faults, errors.New("redisbus: config: conn is required"))
	}
	if c.Node == "" {
		faults = append(faults, errors.New("redisbus: config: node is required"))
	}
	if c.Ping < 0 {
		faults = append(faults, errors.New("redisbus: config: ping must not be negative"))
	}
	return errors.Join(faults...)
}

// A Bus is a topic.Relay on Redis pub/sub. Its methods are safe for concurrent use.
type Bus struct {
	cfg     Config
	conn    *redisconn.Conn
	log     *slog.Logger
	metrics *metrics
	home    string // the channel on which the node hears itself

	cancel context.CancelFunc
	wait   sync.WaitGroup
	kick   chan struct{} // for the placer
	deaf   func()        // ends listening to the breaker

	mu       sync.RWMutex
	closed   bool
	entries  map[string]*entry // by channel
	links    map[string]*link  // by address
	homeLink *link
	homeNext time.Time // when to try again for homeLink
	adrift   []*entry  // to be placed now
	parked   []*entry  // to be placed later
	patience map[string]*patience
}

var _ topic.Relay = (*Bus)(nil)

// New returns a Bus that connects by itself, for as long as it takes. The error joins
// everything that is wrong with the configuration.
func New(cfg Config) (*Bus, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Ping = cmp.Or(cfg.Ping, DefaultPing)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Bus{
		cfg: cfg, conn: cfg.Conn, home: cfg.Conn.Names().Ping(cfg.Node),
		log:      cfg.Logger.With("node", cfg.Node, "backend", "redis"),
		kick:     make(chan struct{}, 1),
		entries:  make(map[string]*entry),
		links:    make(map[string]*link),
		patience: make(map[string]*patience),
		deaf:     func() {},
	}
	b.metrics = newMetrics(cfg.Registerer, b)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	if br := b.conn.Breaker(); br != nil {
		b.deaf = br.OnChange(b.onHealth)
	}
	b.wait.Go(func() { b.placeAll(ctx) })
	b.wait.Go(func() { b.keepAsking(ctx) })
	return b, nil
}

// Close ends all subscriptions and every Follow under way, and returns when that
// is done or ctx ends. The Conn stays open.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	var left waiters
	for _, e := range b.entries {
		left = append(left, e.dismiss(ErrClosed)...)
	}
	b.mu.Unlock()
	left.tell()
	b.deaf()
	b.cancel()
	down := make(chan struct{})
	go func() { b.wait.Wait(); close(down) }()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("redisbus: close: %w", ctx.Err())
	}
}

// Publish sends a frame to all nodes that follow the topic, and returns when Redis
// has it: within ctx and the Conn's timeout, at once while the breaker is open.
func (b *Bus) Publish(ctx context.Context, name string, frame []byte) error {
	if len(frame) > MaxFrame {
		b.metrics.sendErrors.Inc()
		return fmt.Errorf("redisbus: publish: %w", ErrTooLarge)
	}
	if err := b.send(ctx, b.conn.Names().Channel(name), frame); err != nil {
		b.metrics.sendErrors.Inc()
		return fmt.Errorf("redisbus: publish: %w", err)
	}
	b.metrics.sent.Inc()
	b.metrics.sentBytes.Add(float64(len(frame)))
	return nil
}

func (b *Bus) send(ctx context.Context, channel string, frame []byte) error {
	command := "publish"
	if b.conn.Cluster() {
		command = "spublish"
	}
	return b.conn.DoHere(ctx, redis.NewIntCmd(ctx, command, channel, frame))
}

// Connected reports whether every connection that is needed stands.
func (b *Bus) Connected() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.connected()
}

func (b *Bus) connected() bool {
	for _, l := range b.links {
		if !l.up || l.muted {
			return false
		}
	}
	return b.homeLink != nil
}

// onHealth lets nobody wait for a connection that will not come soon.
func (b *Bus) onHealth(c breaker.Change) {
	if c.To != breaker.Broken {
		return
	}
	b.mu.Lock()
	var left waiters
	if !b.connected() {
		for _, e := range b.entries {
			if e.link == nil || !e.link.up {
				left = append(left, e.dismiss(&breaker.OpenError{Backend: c.Backend, State: c.To})...)
				b.advance(e)
			}
		}
	}
	b.mu.Unlock()
	left.tell()
}
