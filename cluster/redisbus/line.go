package redisbus

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

var errSpent = errors.New("redisbus: this connection is over")

// A line is a subscription connection. go-redis would replace a lost one between two
// reads, where nobody notices; so a line's client can connect once only.
type line struct {
	*redis.PubSub
	client *redis.Client

	mu   sync.Mutex
	conn net.Conn
	err  error // of connecting
	used bool
	stop func() bool
}

// openLine connects, and subscribes to the first channel without waiting for the answer.
// The line is cut when ctx ends.
func openLine(ctx context.Context, base *redis.Options, sharded bool, channel string) (*line, error) {
	n := &line{}
	o := *base
	dial := base.Dialer
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return n.connect(ctx, func(ctx context.Context) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, base.DialTimeout)
			defer cancel()
			return dial(ctx, network, addr)
		})
	}
	o.Limiter, o.MinIdleConns, o.DialerRetries = nil, 0, 1
	o.Protocol, o.DisableIdentity = 2, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	n.client = redis.NewClient(&o)
	n.PubSub = n.client.Subscribe(ctx)
	n.stop = context.AfterFunc(ctx, n.cut)
	if err := n.ask(ctx, subscribe, sharded, channel); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *line) connect(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.used {
		return nil, errSpent
	}
	n.used = true
	n.conn, n.err = dial(ctx)
	return n.conn, n.err
}

// ask sends a command without waiting for its answer.
func (n *line) ask(ctx context.Context, what step, sharded bool, channels ...string) error {
	var err error
	switch {
	case what == subscribe && sharded:
		err = n.SSubscribe(ctx, channels...)
	case what == subscribe:
		err = n.Subscribe(ctx, channels...)
	case sharded:
		err = n.SUnsubscribe(ctx, channels...)
	default:
		err = n.Unsubscribe(ctx, channels...)
	}
	return n.explain(err)
}

// explain prefers why connecting failed to what came of it.
func (n *line) explain(err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && n.err != nil {
		return n.err
	}
	return err
}

// cut ends reads and writes that are under way.
func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil {
		_ = n.conn.Close()
	}
}

func (n *line) close() {
	n.stop()
	n.cut()
	_ = n.PubSub.Close()
	_ = n.client.Close()
}
