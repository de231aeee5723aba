package main

import (
	"fmt"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// grant lets the gateway decide by the rules of the configuration.
func grant(o *gateway.Options, topics []settings.Topic) error {
	rules := make([]gateway.AccessRule, len(topics))
	for i, t := range topics {
		rules[i] = gateway.AccessRule{Match: t.Policy.Match, Subscribe: t.Subscribe, Publish: t.Publish}
	}
	access, err := gateway.NewAccess(rules)
	if err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	o.CanSubscribe, o.CanPublish = access.CanSubscribe, access.CanPublish
	return nil
}
