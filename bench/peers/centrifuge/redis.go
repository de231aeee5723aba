package main

import (
	"fmt"

	"github.com/centrifugal/centrifuge"
)

// shareRedis makes the node one of all that are given the same Redis. An empty
// address leaves it alone. Options have the library's defaults.
func shareRedis(node *centrifuge.Node, address string) error {
	if address == "" {
		return nil
	}
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address})
	if err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return fmt.Errorf("create the broker: %w", err)
	}
	node.SetBroker(broker)
	return nil
}
