package main

import (
	"fmt"
	"testing"
)

// publishes sends so many publishes and returns how many were refused for coming too fast.
func publishes(c *client, topic string, count int) (refused int) {
	c.t.Helper()
	for i := range count {
		c.send(fmt.Sprintf(`{"type":"publish","topic":%q,"event":"e","ref":%d}`, topic, i))
	}
	for range count {
		f := c.expect(`"type":"publish`)
		if f["type"] == "publish-denied" {
			if f["reason"] != "RATE_LIMITED" || f["retryAfterMs"].(float64) <= 0 {
				c.t.Fatalf("denied %v", f)
			}
			refused++
		}
	}
	return refused
}

// TestRoomsOfTheDefault shows what a node has to try it with: presence and cursors, a lobby with five
// seats, and a limit on the demo's topics only.
func TestRoomsOfTheDefault(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	a := dial(t, p.url+"/ws?id=ann&name=Ann#", nil)
	a.send(`{"type":"subscribe","topic":"demo:1","ref":1}`)
	a.expect(`"presence_state"`)
	b := dial(t, p.url+"/ws?id=bob&name=Bob#", nil)
	b.send(`{"type":"subscribe","topic":"demo:1","ref":1}`)
	a.expect(`"joins":{"bob":{"name":"Bob"}}`)
	b.expect(`"subscribed"`)
	b.send(`{"type":"cursor","topic":"demo:1","data":{"x":1}}`)
	a.expect(`"update"`)
	for i := range 6 {
		c := dial(t, fmt.Sprintf("%s/ws?id=u%d#", p.url, i), nil)
		c.send(`{"type":"join","group":"lobby:demo","ref":1}`)
		if f := c.expect(`"type":"join`); (f["type"] == "joined") != (i < 5) {
			t.Errorf("member %d: %v", i+1, f)
		}
	}
	b.send(`{"type":"join","group":"other","ref":2}`)
	b.expect(`"join-denied"`)
	if n := publishes(a, "demo:1", 25); n == 0 || n > 5 {
		t.Errorf("%d of 25 publishes were refused, want about 5", n)
	}
	if n := publishes(a, "room:1", 25); n != 0 {
		t.Errorf("%d publishes were refused on a topic without a limit", n)
	}
}

// TestRoomsOfAFile shows that a node has what its file lists, and nothing else.
func TestRoomsOfAFile(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--config", file(t, "t.yaml", `
topics:
  - {match: "busy:*", presence: {key: name}, limit: slow}
  - {match: "*"}
groups:
  - {match: "team:*", roles: [host, guest], key: connection, memberData: [color]}
limits:
  - {name: slow, kind: fixed, points: 3, interval: 1h, key: address}
  - {name: frames, points: 1000, interval: 1s}
  - {name: upgrades, kind: fixed, points: 3, interval: 1h, key: address}
gateway: {frameLimit: frames, upgradeLimit: upgrades}
`))
	a, b := dial(t, p.url+"/ws?id=1&name=Ann&color=%23123456#", nil), dial(t, p.url+"/ws?id=2&name=Ann#", nil)
	a.send(`{"type":"subscribe","topic":"busy:1","ref":1}`)
	a.expect(`"presence_state"`)
	b.send(`{"type":"presence","topic":"busy:1","ref":1}`)
	if f := b.expect(`"presence_state"`); len(f["data"].(map[string]any)) != 1 || f["data"].(map[string]any)["Ann"] == nil {
		t.Errorf("state %v", f)
	}
	b.send(`{"type":"presence","topic":"quiet","ref":2}`)
	b.expect(`"ref":2`)
	b.send(`{"type":"subscribe","topic":"quiet","ref":3}`)
	b.expect(`"subscribed"`)
	b.send(`{"type":"cursor","topic":"quiet","data":1}`)
	b.expect(`"type":"error"`)
	a.send(`{"type":"join","group":"team:1","ref":4}`)
	if f := a.expect(`"joined"`); f["role"] != "host" {
		t.Errorf("joined %v", f)
	}
	if f := a.expect(`"members"`); fmt.Sprint(f["data"].([]any)[0].(map[string]any)["data"]) != "map[color:#123456]" {
		t.Errorf("members %v", f)
	}
	for i, c := range []*client{a, b} {
		if got, want := publishes(c, "busy:1", 3), 3*i; got != want {
			t.Errorf("client %d: %d were refused, want %d", i, got, want)
		}
	}
	if n := publishes(b, "quiet", 25); n != 0 {
		t.Errorf("%d publishes were refused on a topic without a limit", n)
	}
	dial(t, p.url, nil)
	refused(t, p.url, nil, 429)
}
