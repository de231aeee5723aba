package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/group"
)

// mayJoin lets every client have the first role of a group, or everyone with a token
// where there are tokens, and any other role only those whom their token gives it: a
// client must not make itself an admin.
func mayJoin(groups *group.Groups, authenticated bool) func(context.Context, *gateway.Client, string, string) error {
	return func(_ context.Context, c *gateway.Client, name, role string) error {
		policy, ok := groups.Policy(name)
		switch {
		case !ok:
			return gateway.ErrForbidden
		case authenticated && c.Identity().ID == "":
			return gateway.ErrUnauthenticated
		case role == policy.Roles[0] || slices.Contains(c.Identity().Roles, role):
			return nil
		}
		return gateway.ErrForbidden
	}
}

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
