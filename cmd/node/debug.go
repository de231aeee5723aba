package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/cluster"
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
func (s *server) Backends() inspect.Backends {
	all := inspect.Backends{Channels: s.channels(), Outbox: s.outbox()}
	totals := s.metrics.totals("troupe_postgres_connections", "troupe_postgres_connections_busy")
	for _, h := range s.node.Health() {
		b := inspect.Backend{Backend: h.Backend, State: h.State, Since: h.Since, Outage: h.Outage, Reason: h.Reason, URL: s.redis}
		if h.Backend == cluster.StorePostgres {
			b.URL, b.Schema = s.postgres, s.schema
			b.Conns, b.Busy = int(totals["troupe_postgres_connections"]), int(totals["troupe_postgres_connections_busy"])
		}
		all.Backends = append(all.Backends, b)
	}
	return all
}

func (s *server) channels() []inspect.Channel {
	bridge := s.node.Notify()
	if bridge == nil {
		return nil
	}
	var channels []inspect.Channel
	for _, c := range bridge.State() {
		channels = append(channels, inspect.Channel{Name: c.Name, Leader: c.Leader, Listening: c.Listening, Standby: c.Standby, Since: c.Since,
			Received: c.Received, Published: c.Published, Dropped: c.Dropped, Queued: c.Queued, Gaps: c.Gaps, LastError: c.LastError, ErrorAt: c.ErrorAt})
	}
	return channels
}

func (s *server) outbox() *inspect.Outbox {
	forwarder := s.node.Outbox()
	if forwarder == nil {
		return nil
	}
	state := forwarder.State()
	o := &inspect.Outbox{Leader: state.Leader, Since: state.Since, ErrorAt: state.ErrAt}
	if state.Err != nil {
		o.LastError = state.Err.Error()
	}
	return o
}

// Topics implements inspect.Source.
func (s *server) Topics() inspect.Topics {
	t := inspect.Topics{Awake: s.node.Topics().Len()}
	for _, p := range s.node.Topics().Policies() {
		t.Policies = append(t.Policies, inspectPolicy(p, s.backendKind()))
	}
	return t
}

// inspectPolicy shows a policy on a node that has this backend, or none.
func inspectPolicy(p topic.Policy, backend string) inspect.Policy {
	shown := inspect.Policy{Match: p.Match, History: "none", Store: cmp.Or(p.Store, backend, cluster.StoreMemory), TTL: "for good", Slow: p.Slow.String(), Idle: "never"}
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
