package redisconn

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Run runs a script by its hash, with its text where the server does not know it.
// All keys must be in one slot. See DoHere for how it is sent, and Do for its errors.
func (c *Conn) Run(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	cmd := script(ctx, "evalsha", s.Hash(), keys, args)
	err := c.DoHere(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // it did not run
		cmd = withText(ctx, s, keys, args)
		err = c.DoHere(ctx, cmd)
	}
	if err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// RunApart runs a script as Run does, but on a connection of its own, past all that
// waits: for what others depend on being in time. See Sequence for how it ends.
func (c *Conn) RunApart(ctx context.Context, s *redis.Script, keys []string, args ...any) (reply any, err error) {
	for _, cmd := range []*redis.Cmd{script(ctx, "evalsha", s.Hash(), keys, args), withText(ctx, s, keys, args)} {
		err = c.Sequence(ctx, keys[0], cmd)
		if !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			return cmd.Val(), err
		}
	}
	return nil, err
}

// RunAndWait runs a script as Run does, on a connection of its own, and then waits
// until so many replicas have what it wrote, or for at most wait. It returns how many
// have it, which may be fewer. With an error it is unknown whether the script ran, or
// who has it.
//
// wait must be shorter than Config.Timeout, by what the script takes.
func (c *Conn) RunAndWait(ctx context.Context, s *redis.Script, keys []string, args []any, replicas int, wait time.Duration) (reply any, have int, err error) {
	if len(keys) == 0 || wait < time.Millisecond || wait >= c.timeout {
		return nil, 0, fmt.Errorf("redisconn: run and wait: needs a key, and to wait from 1ms to less than %v", c.timeout)
	}
	for _, cmd := range []*redis.Cmd{script(ctx, "evalsha", s.Hash(), keys, args), withText(ctx, s, keys, args)} {
		ack := redis.NewIntCmd(ctx, "wait", replicas, wait.Milliseconds())
		err = c.Sequence(ctx, keys[0], cmd, ack)
		if !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			return cmd.Val(), int(ack.Val()), err
		}
	}
	return nil, 0, err
}

// unsent makes the command that a script would send with its text, which a script
// shows to nobody else.
type unsent struct{ redis.Scripter }

func (unsent) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return script(ctx, "eval", text, keys, args)
}

func withText(ctx context.Context, s *redis.Script, keys []string, args []any) *redis.Cmd {
	return s.Eval(ctx, unsent{}, keys, args...)
}

func script(ctx context.Context, name, what string, keys []string, args []any) *redis.Cmd {
	all := append(make([]any, 0, 3+len(keys)+len(args)), name, what, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	if len(keys) > 0 {
		cmd.SetFirstKeyPos(3)
	}
	return cmd
}
