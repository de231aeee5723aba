package settings

import (
	"fmt"
	"strconv"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/group"
)

// beside writes what a topic has beside its events.
func (p *printer) beside(t Topic, key string) {
	if t.Presence.Off {
		p.line(4, "presence: false", key+"presence")
	} else {
		p.open(4, "presence:")
		p.line(6, "key: "+quote(t.Presence.Key), key+"presence.key")
		p.line(6, "grace: "+t.Presence.Grace.String(), key+"presence.grace")
		p.line(6, "heartbeat: "+t.Presence.Heartbeat.String(), key+"presence.heartbeat")
	}
	if t.Cursors.Off {
		p.line(4, "cursors: false", key+"cursors")
	} else {
		p.open(4, "cursors:")
		p.line(6, "throttle: "+orOff(t.Cursors.Throttle), key+"cursors.throttle")
		p.line(6, "tick: "+orOff(t.Cursors.Tick), key+"cursors.tick")
		p.line(6, "ttl: "+t.Cursors.TTL.String(), key+"cursors.ttl")
	}
	if t.Limit != "" {
		p.line(4, "limit: "+quote(t.Limit), key+"limit")
	}
}

// head begins a list, which may be empty.
func (p *printer) head(name string, count int) {
	if count == 0 {
		p.line(0, name+": []", name)
		return
	}
	p.open(0, name+":")
}

func (p *printer) groups(groups []group.Policy) {
	p.head("groups", len(groups))
	for i, g := range groups {
		key := fmt.Sprintf("groups[%d].", i)
		p.line(2, "- match: "+quote(g.Match), key+"match")
		p.line(4, "maxMembers: "+strconv.Itoa(g.MaxMembers), key+"maxMembers")
		p.line(4, "roles: "+list(g.Roles), key+"roles")
		if g.MemberData != nil {
			p.line(4, "memberData: "+list(g.MemberData), key+"memberData")
		}
		p.line(4, "key: "+g.Key.String(), key+"key")
		p.line(4, "closedFor: "+g.ClosedFor.String(), key+"closedFor")
	}
}

func (p *printer) limits(limits []ratelimit.Policy) {
	p.head("limits", len(limits))
	for i, l := range limits {
		key := fmt.Sprintf("limits[%d].", i)
		p.line(2, "- name: "+quote(l.Name), key+"name")
		p.line(4, "kind: "+l.Kind.String(), key+"kind")
		p.line(4, "points: "+strconv.Itoa(l.Points), key+"points")
		p.line(4, "interval: "+l.Interval.String(), key+"interval")
		p.line(4, "block: "+l.Block.String(), key+"block")
		p.line(4, "key: "+l.By.String(), key+"key")
		p.line(4, "lease: "+strconv.Itoa(l.Lease), key+"lease")
	}
}
