package main

import (
	"slices"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// policies takes the topics of the configuration apart. The lists have the same patterns
// in the same order, so that the same entry decides in all.
func policies(all []settings.Topic) (topics []topic.Policy, present []presence.Policy, cursors []cursor.Policy) {
	for _, t := range all {
		t.Policy.Store = t.Store
		topics = append(topics, t.Policy)
		present = append(present, t.Presence)
		cursors = append(cursors, t.Cursors)
	}
	return topics, present, cursors
}

// outboxOf is nil where the node is not to forward.
func outboxOf(loaded *settings.Loaded) *outbox.Config {
	o := loaded.Bridge.Outbox
	if !o.Enabled {
		return nil
	}
	return &outbox.Config{MaxTries: o.MaxTries, KeepDead: o.KeepDead}
}

// noGroups fits no name that a group may have.
var noGroups = []group.Policy{{Match: topic.SystemPrefix + "*"}}

// groups are those of the configuration: without any, no name is a group, whereas a
// cluster.Config without any takes every name.
func groups(all []group.Policy) []group.Policy {
	if len(all) == 0 {
		return noGroups
	}
	return all
}

// publishLimit names the limit of a topic; nil if none has one.
func publishLimit(topics []settings.Topic) func(name string) string {
	if !slices.ContainsFunc(topics, func(t settings.Topic) bool { return t.Limit != "" }) {
		return nil
	}
	return func(name string) string {
		for i := range topics {
			if topic.Match(topics[i].Policy.Match, name) {
				return topics[i].Limit
			}
		}
		return ""
	}
}
