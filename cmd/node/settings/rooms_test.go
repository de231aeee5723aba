package settings

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

func load(t *testing.T, text string) *Loaded {
	t.Helper()
	l, err := Load(Input{File: "t.yaml", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDefaultLists shows what a node has to try it with, and that one whose file lists anything has
// what is listed.
func TestDefaultLists(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "memory: 1MiB\n"} {
		l := load(t, text)
		if len(l.Topics) != 2 || len(l.Groups) != 1 || len(l.Limits) != 1 {
			t.Fatalf("%q: topics %+v, groups %+v, limits %+v", text, l.Topics, l.Groups, l.Limits)
		}
		for i, match := range []string{"demo:*", "*"} {
			d := l.Topics[i]
			if d.Policy.Match != match || d.Policy.History != 1000 || d.Subscribe[0] != Anyone || d.Publish[0] != Anyone {
				t.Errorf("topic %+v", d)
			}
			if d.Presence.Off || d.Presence.Match != match || d.Presence.Key != "id" || d.Cursors.Off || d.Cursors.Match != match || d.Cursors.Tick != 16*time.Millisecond {
				t.Errorf("presence %+v, cursors %+v", d.Presence, d.Cursors)
			}
			if d.Limit != map[string]string{"demo:*": DemoLimit}[match] {
				t.Errorf("%s has limit %q", match, d.Limit)
			}
		}
		if g := l.Groups[0]; g.Match != "lobby:*" || g.MaxMembers != 5 || len(g.Roles) != 3 {
			t.Errorf("group %+v", g)
		}
		if d := l.Limits[0]; d.Name != DemoLimit || d.Points != 20 || d.Interval != 5*time.Second || d.By != ratelimit.ByConnection || d.Kind != ratelimit.Bucket {
			t.Errorf("limit %+v", d)
		}
	}
	for text, want := range map[string][3]int{
		"topics: [{match: a}]": {1, 0, 0},
		"groups: []":           {1, 0, 0},
		"groups: [{match: a}]": {1, 1, 0},
		"limits: []":           {1, 0, 0},
		"limits: [{name: a, points: 1, interval: 1s}]": {1, 0, 1},
	} {
		l := load(t, text)
		if got := [3]int{len(l.Topics), len(l.Groups), len(l.Limits)}; got != want {
			t.Errorf("%s: %v topics, groups, limits, want %v", text, got, want)
		}
		if d := l.Topics[0]; !strings.Contains(text, "topics") && (d.Policy.Match != "*" || d.Presence.Off || d.Cursors.Off || d.Limit != "") {
			t.Errorf("%s: topic %+v", text, d)
		}
	}
}

func TestPresenceAndCursors(t *testing.T) {
	t.Parallel()
	l := load(t, `topics:
- match: none
- {match: no, presence: false, cursors: false}
- {match: yes, presence: true, cursors: true}
- {match: some, presence: {key: user, grace: 10s, heartbeat: 0s}, cursors: {throttle: -1}}
`)
	for i, off := range []bool{true, true, false, false} {
		if d := l.Topics[i]; d.Presence.Off != off || d.Cursors.Off != off || d.Presence.Match != d.Policy.Match || d.Cursors.Match != d.Policy.Match {
			t.Errorf("topics[%d]: presence %+v, cursors %+v", i, d.Presence, d.Cursors)
		}
	}
	p, c := l.Topics[3].Presence, l.Topics[3].Cursors
	if p.Key != "user" || p.Grace != 10*time.Second || p.Heartbeat != 0 || c.Throttle != -1 || c.TTL != 30*time.Second {
		t.Errorf("presence %+v, cursors %+v", p, c)
	}
}

func TestGroupsAndLimits(t *testing.T) {
	t.Parallel()
	l := load(t, `
topics: [{match: "*", limit: chat}]
groups:
- {match: "lobby:*", maxMembers: 5, roles: [host, guest], memberData: [name], key: connection, closedFor: 1h}
limits:
- {name: chat, kind: sliding, points: 10, interval: 1s, block: 30s, key: identity, lease: 5}
`)
	g := l.Groups[0]
	if g.Match != "lobby:*" || g.MaxMembers != 5 || !slices.Equal(g.Roles, []string{"host", "guest"}) || !slices.Equal(g.MemberData, []string{"name"}) ||
		g.Key.String() != "connection" || g.ClosedFor != time.Hour {
		t.Errorf("group %+v", g)
	}
	want := ratelimit.Policy{Name: "chat", Kind: ratelimit.Sliding, Points: 10, Interval: time.Second, Block: 30 * time.Second, By: ratelimit.ByIdentity, Lease: 5}
	if l.Limits[0] != want || l.Topics[0].Limit != "chat" {
		t.Errorf("limit %+v of %+v", l.Limits[0], l.Topics[0])
	}
}

// TestRoomFaults has one fault each.
func TestRoomFaults(t *testing.T) {
	t.Parallel()
	const limit = "limits: [{name: chat, points: 1, interval: 1s}]\n"
	for name, c := range map[string]struct{ file, want string }{
		"neither true nor false": {"topics: [{match: a, presence: yes}]", "topics[0].presence: must be true, false or a group of settings"},
		"list for a switch":      {"topics: [{match: a, cursors: []}]", "topics[0].cursors: must be a single value, not a list"},
		"no value":               {"topics:\n- match: a\n  presence:\n", "t.yaml:3:3: topics[0].presence: has no value"},
		"grace too long":         {"topics: [{match: a, presence: {grace: 2h}}]", "t.yaml:1:32: topics[0].presence.grace: 2h0m0s is not within"},
		"negative grace":         {"topics: [{match: a, presence: {grace: -1s}}]", "topics[0].presence.grace: must not be negative"},
		"heartbeat too short":    {"topics: [{match: a, presence: {heartbeat: 1ms}}]", "topics[0].presence.heartbeat: 1ms is less"},
		"unknown in presence":    {"topics: [{match: a, presence: {gracee: 1s}}]", "did you mean grace?"},
		"cursors throttle":       {"topics: [{match: a, cursors: {throttle: 2m}}]", "t.yaml:1:31: topics[0].cursors.throttle: 2m0s is not within"},
		"cursors ttl":            {"topics: [{match: a, cursors: {ttl: 1ms}}]", "topics[0].cursors.ttl: 1ms is not within"},
		"presence at the top":    {"presence: {}", "presence: stands elsewhere: topics[].presence"},
		"limit undefined":        {"topics: [{match: a, limit: chat}]", `t.yaml:1:21: topics[0].limit: "chat" is not defined`},
		"limit misspelt":         {limit + "topics: [{match: a, limit: chatt}]", `t.yaml:2:21: topics[0].limit: "chatt" is not one of limits; there are chat`},
		"limit empty":            {"topics: [{match: a, limit: ''}]", "topics[0].limit: must not be empty"},
		"frames undefined":       {"gateway: {frameLimit: x}", `t.yaml:1:11: gateway.frameLimit: "x" is not one of limits; there are demo`},
		"upgrades undefined":     {limit + "gateway: {upgradeLimit: x}", `gateway.upgradeLimit: "x" is not one of limits`},
		"upgrades by connection": {limit + "gateway: {upgradeLimit: chat}", `gateway.upgradeLimit: "chat" counts by connection`},
		"limit twice":            {"limits: [{name: a, points: 1, interval: 1s}, {name: a, points: 2, interval: 1s}]", `t.yaml:1:47: limits[1].name: "a" is there twice`},
		"limit without points":   {"limits: [{name: a, interval: 1s}]", "limits[0].points: is missing"},
		"limit without interval": {"limits: [{name: a, points: 1}]", "limits[0].interval: is missing"},
		"limit without name":     {"limits: [{points: 1, interval: 1s}]", "limits[0].name: is missing"},
		"limit of a strange key": {"limits: [{name: a, points: 1, interval: 1s, key: user}]", "limits[0].key: must be one of connection"},
		"limit of another kind":  {"limits: [{name: a, points: 1, interval: 1s, kind: leaky}]", "limits[0].kind: must be one of bucket"},
		"points":                 {"limits: [{name: a, points: many, interval: 1s}]", "limits[0].points: must be a whole number from 1"},
		"no points":              {"limits: [{name: a, points: 0, interval: 1s}]", "limits[0].points: must be a whole number from 1"},
		"lease of all":           {"limits: [{name: a, points: 4, interval: 1s, lease: 3}]", "limits[0].lease: 3 is not within"},
		"block too long":         {"limits: [{name: a, points: 4, interval: 1s, block: 1000000h}]", "limits[0].block: 1000000h0m0s is not within"},
		"limits are no list":     {"limits: {name: a}", "limits: must be a list"},
		"group without match":    {"groups: [{maxMembers: 1}]", "groups[0].match: is missing"},
		"group without roles":    {"groups: [{match: a, roles: []}]", "groups[0].roles: lists no role"},
		"group role twice":       {"groups: [{match: a, roles: [x, x]}]", `groups[0].roles: "x" is there twice`},
		"group of a strange key": {"groups: [{match: a, key: address}]", "groups[0].key: must be one of identity"},
		"group members":          {"groups: [{match: a, maxMembers: -1}]", "groups[0].maxMembers: must be a whole number from 0"},
		"group match":            {"groups: [{match: 'a['}]", `t.yaml:1:11: groups[0].match: "a[" is not a pattern`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Input{File: "t.yaml", Text: []byte(c.file)})
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("says\n%v\nwant\n%s", err, c.want)
			}
			if n := strings.Count(err.Error(), "t.yaml:"); n != 1 {
				t.Errorf("says %d places:\n%v", n, err)
			}
		})
	}
}
