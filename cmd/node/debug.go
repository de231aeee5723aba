package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/inspect"
	"github.com/troupe-rt/troupe/topic"
)

// Node implements inspect.Source.
func (s *server) Node() inspect.Node {
	return inspect.Node{
		ID: s.node.ID(), Version: version(), Address: s.URL(), Backend: cmp.Or(s.redis, s.postgres),
		Ready: s.unready() == "", UptimeSeconds: time.Since(s.began).Seconds(),
	}
}

// Members implements inspect.Source.
func (s *server) Members() []inspect.Member {
	leases := s.node.Members()
	self := s.node.Self()
	members := make([]inspect.Member, len(leases))
	for i, l := range leases {
		members[i] = inspect.Member{
			ID: l.ID, Incarnation: l.Incarnation, Address: l.Address, Version: l.Version, State: string(l.State),
			Self: l.Incarnation == self.Incarnation && l.ID == self.ID, Started: l.Started, LeaseUntil: l.Until,
		}
		if !l.Until.IsZero() {
			members[i].LeaseEndsInMS = time.Until(l.Until).Milliseconds()
		}
	}
	return members
}

// Backends implements inspect.Source.
func (s *server) Backends() []inspect.Backend {
	health := s.node.Health()
	backends := make([]inspect.Backend, len(health))
	for i, h := range health {
		backends[i] = inspect.Backend{Backend: h.Backend, State: h.State, Since: h.Since, Outage: h.Outage, Reason: h.Reason}
	}
	return backends
}

// Topics implements inspect.Source.
func (s *server) Topics() inspect.Topics {
	t := inspect.Topics{Awake: s.node.Topics().Len()}
	for _, p := range s.node.Topics().Policies() {
		t.Policies = append(t.Policies, inspectPolicy(p))
	}
	return t
}

func inspectPolicy(p topic.Policy) inspect.Policy {
	shown := inspect.Policy{Match: p.Match, History: "none", TTL: "for good", Slow: p.Slow.String(), Idle: "never"}
	if p.HasHistory() {
		shown.History = fmt.Sprint(p.History)
	}
	if p.TTL > 0 {
		shown.TTL = p.TTL.String()
	}
	if p.Idle > 0 {
		shown.Idle = p.Idle.String()
	}
	return shown
}
