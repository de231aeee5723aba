package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
)

// comeAndGo returns what has a user enter and leave a room of others. The library does
// this when a client subscribes and unsubscribes; here it is called directly, and
// nobody is told, which spares it a publish each way.
func comeAndGo(node *centrifuge.Node, t task, m *meter) (func(context.Context) error, error) {
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: t.Redis})
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	presence, err := centrifuge.NewRedisPresenceManager(node, centrifuge.RedisPresenceManagerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return nil, fmt.Errorf("create the presence manager: %w", err)
	}
	enter := func(user string) error {
		return presence.AddPresence(taskChannel, user, &centrifuge.ClientInfo{ClientID: user, UserID: user})
	}
	for i := range t.Room {
		if err := enter("present-" + strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	var next atomic.Int64
	return func(context.Context) error {
		began := time.Now()
		user := "user-" + strconv.FormatInt(next.Add(1), 10)
		if err := enter(user); err != nil {
			return err
		}
		err := presence.RemovePresence(taskChannel, user, user)
		m.done(began)
		return err
	}, nil
}
