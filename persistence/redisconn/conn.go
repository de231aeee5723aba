package redisconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// DefaultTimeout bounds one command.
const DefaultTimeout = 2 * time.Second

// Config of a Conn. URL is required.
type Config struct {
	URL    string // redis://, rediss://, with addr= for a Cluster or master_name= for Sentinel
	Prefix string // defaults to DefaultPrefix

	// Timeout bounds each command and each attempt to connect.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	// Breaker is asked before each command and told after it. nil: none.
	Breaker *breaker.Breaker

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// A Conn is a node's connection to Redis. Its methods are safe for concurrent use.
type Conn struct {
	client  redis.UniversalClient
	cluster bool
	names   Names
	timeout time.Duration
	breaker *breaker.Breaker
}

// Open connects and learns what is there. Its errors never show a password.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	o, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, errors.New("redisconn: bad URL")
	}
	c := &Conn{client: redis.NewClient(o), names: NamesFor(cmp.Or(cfg.Prefix, DefaultPrefix)),
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout), breaker: cfg.Breaker}
	if err := c.client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("redisconn: connect: %w", err), c.client.Close())
	}
	return c, nil
}

// Close ends everything. Commands under way fail.
func (c *Conn) Close() error { return c.client.Close() }

// Cluster reports whether the server is a Redis Cluster, where publishing and
// subscribing go by the slot of the channel.
func (c *Conn) Cluster() bool { return c.cluster }

// Names are the names of keys and channels.
func (c *Conn) Names() Names { return c.names }

// Breaker is the one given to Open, perhaps nil.
func (c *Conn) Breaker() *breaker.Breaker { return c.breaker }

// Client is the client itself, for subscriptions and administration. What is sent
// through it passes no breaker and shares no pipeline.
func (c *Conn) Client() redis.UniversalClient { return c.client }

// Do sends a command, in one pipeline with those of other callers, and waits for
// its answer. The error is the command's, ctx's, or one that wraps
// breaker.ErrOpen; a nil reply is redis.Nil.
func (c *Conn) Do(ctx context.Context, cmd redis.Cmder) error {
	call := func(ctx context.Context) error { return c.client.Process(ctx, cmd) }
	if c.breaker == nil {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		return call(ctx)
	}
	return c.breaker.Do(ctx, c.timeout, call)
}

// Run runs a script by its hash, with its text where the server does not know it.
// All keys must be in one slot.
func (c *Conn) Run(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	all := append(make([]any, 0, 3+len(keys)+len(args)), "evalsha", s.Hash(), len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	if len(keys) > 0 {
		cmd.SetFirstKeyPos(3)
	}
	err := c.Do(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = s.Eval(ctx, c.client, keys, args...)
		err = cmd.Err()
	}
	if err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// Answered reports whether an error is an answer: the server is well, and said
// no. It is meant for breaker.Options.
func Answered(err error) bool {
	return errors.Is(err, redis.Nil)
}
