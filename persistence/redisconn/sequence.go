package redisconn

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Sequence sends commands in order on one connection, to the master that has the
// key; other callers' commands are not among them. It asks the breaker once and has
// one deadline, Config.Timeout or ctx's. The commands are not a transaction, and each is
// sent whatever the one before it answered.
//
// It returns the first command's error that is not redis.Nil; each command has its
// own. Unlike Do it holds its caller until the deadline when ctx is cancelled.
func (c *Conn) Sequence(ctx context.Context, key string, cmds ...redis.Cmder) error {
	if c.closed.Load() {
		return ErrClosed
	}
	err := c.guarded(ctx, func(ctx context.Context) error { return c.sequence(ctx, key, cmds) })
	if err == nil || errors.Is(err, redis.Nil) {
		for _, cmd := range cmds {
			if e := cmd.Err(); e != nil && !errors.Is(e, redis.Nil) {
				err = e
				break
			}
		}
	}
	c.metrics.count(err)
	return err
}

// sequence returns an error that is no answer, if there was one. The first command
// to be sent elsewhere has not run, and those after it concern the same key or none.
func (c *Conn) sequence(ctx context.Context, key string, cmds []redis.Cmder) error {
	node, err := c.masterOf(ctx, key)
	for range 3 {
		if err != nil {
			return err
		}
		if err = exec(ctx, node, cmds); err != nil {
			return err
		}
		first := cmds[0].Err()
		addr, moved := redis.IsMovedError(first)
		if !moved {
			addr, moved = redis.IsAskError(first)
		}
		if !moved || !c.cluster {
			return nil
		}
		node, err = c.masterAt(ctx, addr)
		if _, ask := redis.IsAskError(first); ask && err == nil {
			return exec(ctx, node, append([]redis.Cmder{redis.NewCmd(ctx, "asking")}, cmds...))
		}
	}
	return nil
}

func exec(ctx context.Context, node redis.UniversalClient, cmds []redis.Cmder) error {
	p := node.Pipeline()
	for _, cmd := range cmds {
		_ = p.Process(ctx, once{cmd})
	}
	stamp(p.Exec(ctx))
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !Answered(err) {
			return err
		}
	}
	return nil
}

func (c *Conn) masterOf(ctx context.Context, key string) (redis.UniversalClient, error) {
	if cluster, ok := c.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return c.client, nil
}

// masterAt finds a node by what MOVED and ASK call it.
func (c *Conn) masterAt(ctx context.Context, addr string) (redis.UniversalClient, error) {
	found := make(chan redis.UniversalClient, 1)
	err := c.client.(*redis.ClusterClient).ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		if node.Options().Addr == addr || node.Options().NodeAddress == addr {
			select {
			case found <- node:
			default:
			}
		}
		return nil
	})
	select {
	case node := <-found:
		return node, nil
	default:
		return nil, errors.Join(errors.New("redisconn: a node that others name is no master of the Cluster"), err)
	}
}
