package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// needed are the commands that nodes send, by themselves or in scripts, on keys of a
// topic that nobody else uses.
func (e *examination) needed(replicas int) [][]any {
	n, t := e.names, e.topic
	head, log, ids, set := n.Head(t), n.Log(t), n.IDs(t, 0), n.NodeKey(t)
	publish := "publish"
	if e.cluster {
		publish = "spublish"
	}
	all := [][]any{
		{"ping"}, {"time"},
		{"hset", head, "epoch", "x", "seq", "1"}, {"hmget", head, "epoch", "seq"}, {"hget", head, "seq"}, {"hgetall", head},
		{"hlen", head}, {"hstrlen", head, "seq"}, {"hrandfield", head}, {"hdel", head, "seq"},
		{"hexists", head, "seq"}, {"hkeys", head}, {"hscan", head, "0"}, {"mget", head}, {"scan", "0", "COUNT", "1"},
		{"exists", head}, {"pexpire", head, "60000"}, {"pttl", head}, {"persist", head},
		{"xadd", log, "MAXLEN", "~", "1", "1-0", "e", "1"}, {"xrange", log, "-", "+", "COUNT", "1"},
		{"set", ids, "1", "PX", "60000"}, {"getrange", ids, "0", "0"},
		{"zadd", set, "1", "m"}, {"zscore", set, "m"}, {"zrange", set, "0", "-1"}, {"zrangebyscore", set, "-inf", "+inf"}, {"zrem", set, "m"},
		{publish, n.Channel(t), "x"},
		{"eval", "return redis.call('EXISTS', KEYS[1])", "1", head},
		{"evalsha", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", head},
		{"unlink", head, log, ids},
	}
	if replicas > 0 {
		all = append(all, []any{"wait", "0", "1"})
	}
	return all
}

// refusals runs each and removes what came of them.
func (e *examination) refusals(ctx context.Context, replicas int) []Refusal {
	var failed []Refusal
	for _, args := range e.needed(replicas) {
		if err := e.do(ctx, args); err != nil {
			failed = append(failed, Refusal{strings.ToUpper(fmt.Sprint(args[0])), err})
		}
	}
	for _, key := range []string{e.names.Head(e.topic), e.names.Log(e.topic), e.names.IDs(e.topic, 0), e.names.NodeKey(e.topic)} {
		_ = e.do(ctx, []any{"unlink", key}) // refused: told above
	}
	return failed
}

func (e *examination) do(ctx context.Context, args []any) error {
	err := ask(ctx, e.client, func(ctx context.Context, _ redis.Cmdable) error { return e.client.Do(ctx, args...).Err() })
	if errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return nil
	}
	return err
}

// echo subscribes to a channel, publishes on it and waits for what comes.
func (e *examination) echo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	channel := e.names.Channel(e.topic)
	subscribe, publish := e.client.Subscribe, e.client.Publish
	if e.cluster {
		subscribe, publish = e.client.SSubscribe, e.client.SPublish
	}
	sub := subscribe(ctx, channel)
	defer sub.Close()
	if _, err := sub.Receive(ctx); err != nil {
		return err
	}
	if err := publish(ctx, channel, e.topic).Err(); err != nil {
		return err
	}
	m, err := sub.ReceiveMessage(ctx)
	switch {
	case ctx.Err() != nil:
		return errNothingCame
	case err != nil:
		return err
	case m.Payload != e.topic:
		return errors.New("something else came")
	}
	return nil
}
