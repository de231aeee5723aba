package redisconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// What Do fails with beside the server's answers, errors of the connection, those
// of ctx, and breaker.ErrOpen.
var (
	// ErrOverloaded: so many commands wait that another one would not be served in time.
	ErrOverloaded = errors.New("redisconn: too many commands wait")

	// ErrClosed: the Conn is closed, or was closed before the answer came.
	ErrClosed = errors.New("redisconn: closed")

	// ErrTimeout: no answer within Config.Timeout. It wraps context.DeadlineExceeded.
	ErrTimeout = fmt.Errorf("redisconn: no answer in time: %w", context.DeadlineExceeded)
)

// A Conn is a node's connection to Redis. Its methods are safe for concurrent use.
type Conn struct {
	client  redis.UniversalClient
	cluster bool
	names   Names
	timeout time.Duration
	breaker *breaker.Breaker
	metrics *metrics

	lanes  *lanes
	closed atomic.Bool
	close  func() error // once
}

func start(cfg Config, client redis.UniversalClient, cluster bool, m *metrics) *Conn {
	c := &Conn{client: client, cluster: cluster, names: NamesFor(cfg.Prefix), timeout: cfg.Timeout,
		breaker: cfg.Breaker, metrics: m}
	c.lanes = newLanes(client, func() *lane { return newLane(cfg.Lanes, cfg.MaxQueued, c.send) })
	c.close = sync.OnceValue(func() error {
		c.closed.Store(true)
		c.lanes.close()
		err := client.Close() // ends the pipelines under way
		c.lanes.each((*lane).wait)
		return err
	})
	return c
}

// Close ends everything and returns when it has ended. Commands under way fail.
func (c *Conn) Close() error { return c.close() }

// Cluster reports whether the server is a Redis Cluster, where publishing and
// subscribing go by the slot of the channel.
func (c *Conn) Cluster() bool { return c.cluster }

// Names are the names of keys and channels.
func (c *Conn) Names() Names { return c.names }

// Breaker is the one given to Open, perhaps nil.
func (c *Conn) Breaker() *breaker.Breaker { return c.breaker }

// Timeout is what bounds each command.
func (c *Conn) Timeout() time.Duration { return c.timeout }

// Client is the client itself, for subscriptions and administration. What is sent
// through it passes no breaker and shares no pipeline; it has the same deadlines, and
// is not repeated. A Cluster repeats it where the connection failed.
func (c *Conn) Client() redis.UniversalClient { return c.client }

// Do sends a command, in one pipeline with those of other callers, and waits for
// its answer, until ctx ends or Config.Timeout has passed. It runs at most once: an
// error that is not the server's means that it is unknown whether it ran. A
// command must not block in Redis, nor, to a Cluster, concern several nodes.
//
// The error is the command's, where a nil reply is redis.Nil; or ctx's; or
// ErrTimeout, ErrOverloaded, ErrClosed, or one that wraps breaker.ErrOpen. After
// ctx's and ErrTimeout the command may still be answered, and it must not be
// touched any more; if it had not been sent by then, it never is.
func (c *Conn) Do(ctx context.Context, cmd redis.Cmder) error {
	err := c.do(ctx, cmd)
	c.metrics.count(err)
	return err
}

// DoHere is Do for callers that have a goroutine to spare: where nothing else waits
// it sends the command on theirs, which saves two switches. Its price is that ctx's
// being cancelled is noticed only when the answer comes or Config.Timeout has passed; its
// deadline is kept as by Do.
func (c *Conn) DoHere(ctx context.Context, cmd redis.Cmder) error {
	err := ctx.Err()
	if deadline, ok := ctx.Deadline(); err != nil || ok && time.Until(deadline) < c.timeout {
		return c.Do(ctx, cmd)
	}
	l := c.lanes.of(ctx, cmd)
	if !l.enter() {
		return c.Do(ctx, cmd)
	}
	defer l.leave()
	one := calls.Get().(*call)
	one.cmd, one.err = once{cmd}, nil
	c.send([]*call{one})
	<-one.done
	err = one.err
	one.cmd = nil
	calls.Put(one)
	c.metrics.count(err)
	return err
}

func (c *Conn) do(ctx context.Context, cmd redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	one := calls.Get().(*call)
	one.cmd, one.size, one.err = once{cmd}, sizeOf(cmd.Args()), nil
	one.state.Store(queued)
	c.metrics.queued.Inc()
	defer c.metrics.queued.Dec()
	if err := c.lanes.of(ctx, cmd).add(one); err != nil {
		return err
	}
	timer := timers.Get().(*time.Timer)
	timer.Reset(c.timeout)
	defer func() { timer.Stop(); timers.Put(timer) }()
	select {
	case <-one.done:
		err := one.err
		one.cmd = nil
		calls.Put(one)
		return err
	case <-ctx.Done():
		one.state.CompareAndSwap(queued, left)
		return ctx.Err()
	case <-timer.C:
		one.state.CompareAndSwap(queued, left)
		return ErrTimeout
	}
}

var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// once keeps go-redis from sending a command again whose answer was lost.
type once struct{ redis.Cmder }

// NoRetry is what go-redis asks.
func (once) NoRetry() bool { return true }

// send is what a lane does with a batch.
func (c *Conn) send(batch []*call) {
	began := time.Now()
	err := c.guarded(context.Background(), func(ctx context.Context) error {
		err := c.pipeline(ctx, batch)
		c.metrics.pipeline(len(batch), time.Since(began))
		return err
	})
	refused := errors.Is(err, breaker.ErrOpen)
	for _, one := range batch {
		switch own := one.cmd.Err(); {
		case refused:
			one.answer(err)
		case own != nil && c.closed.Load() && !Answered(own):
			one.answer(ErrClosed)
		default:
			one.answer(own)
		}
	}
}

// guarded asks the breaker and bounds the time.
func (c *Conn) guarded(ctx context.Context, f func(context.Context) error) error {
	if c.breaker != nil {
		return c.breaker.Do(ctx, c.timeout, f)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return f(ctx)
}

// stamp gives commands their pipeline's error where none has one. That is how
// go-redis leaves them when the server refused the connection with an error reply,
// such as WRONGPASS: they would count as answered.
func stamp(cmds []redis.Cmder, err error) {
	for _, cmd := range cmds {
		if err == nil || cmd.Err() != nil {
			return
		}
	}
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
}

// pipeline sends the batch and returns what it says of the server's health.
func (c *Conn) pipeline(ctx context.Context, batch []*call) error {
	if len(batch) == 1 && !c.cluster {
		_ = c.client.Process(ctx, batch[0].cmd)
	} else {
		p := c.client.Pipeline()
		for _, one := range batch {
			_ = p.Process(ctx, one.cmd)
		}
		stamp(p.Exec(ctx))
	}
	for _, one := range batch {
		if err := one.cmd.Err(); err != nil && !Answered(err) {
			if c.closed.Load() {
				return context.Canceled
			}
			return err
		}
	}
	return nil
}
