package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
)

const testSecret = "a secret of the tests, long enough for HS256"

// signed signs what a test claims.
func signed(t *testing.T, secret string, claims jwt.MapClaims) string {
	t.Helper()
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func bearer(token string) *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}}
}

// refused dials and wants the upgrade to be answered with a status.
func refused(t *testing.T, url string, opts *websocket.DialOptions, want int) {
	t.Helper()
	ws, resp, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1)+"/ws", opts)
	if ws != nil {
		_ = ws.CloseNow()
	}
	if resp == nil || resp.StatusCode != want {
		t.Errorf("answered %v, %v; want %d", resp, err, want)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	config := file(t, "t.yaml", `
auth: {jwt: {keys: "`+testSecret+`", algorithms: [HS256], roles: groups, cookie: session}}
topics:
  - {match: "news:*", publish: ["role:editor"]}
  - {match: "room:*", publish: [members]}
  - {match: "log:*", subscribe: [none], publish: [server]}
groups:
  - {match: "team:*", roles: [member, editor, admin]}
`)
	// With authentication every address may be served, under every name.
	p := serve(t, nil, "--config", config, "--listen", "0.0.0.0:0")
	if strings.Contains(p.stderr.String(), "no authentication") || strings.Contains(p.stderr.String(), testSecret) {
		t.Errorf("says\n%s", &p.stderr)
	}
	if status, _ := get(t, p.url+"/", func(r *http.Request) { r.Host = "app.example" }); status != http.StatusOK {
		t.Errorf("under another name: %d", status)
	}
	refused(t, p.url, nil, http.StatusUnauthorized)
	refused(t, p.url, bearer("nonsense"), http.StatusUnauthorized)
	refused(t, p.url, bearer(signed(t, "another secret that is long enough too", jwt.MapClaims{"sub": "eve"})), http.StatusUnauthorized)

	ann := dial(t, p.url, bearer(signed(t, testSecret, jwt.MapClaims{"sub": "ann", "groups": []string{"editor"}})))
	bob := dial(t, p.url, &websocket.DialOptions{HTTPHeader: http.Header{
		"Cookie": {"session=" + signed(t, testSecret, jwt.MapClaims{"sub": "bob"})},
	}})
	bob.send(`{"type":"subscribe","topic":"news:1","ref":1}`)
	bob.expect(`"subscribed"`)
	bob.send(`{"type":"publish","topic":"news:1","event":"e","ref":2}`)
	bob.expect(`"publish-denied"`)
	ann.send(`{"type":"publish","topic":"news:1","event":"e","ref":3}`)
	ann.expect(`"published"`)
	bob.expect(`"event":"e"`)

	bob.send(`{"type":"publish","topic":"room:1","event":"e","ref":4}`)
	bob.expect(`"publish-denied"`) // not a member yet
	bob.send(`{"type":"subscribe","topic":"room:1","ref":5}`)
	bob.expect(`"subscribed"`)
	bob.send(`{"type":"publish","topic":"room:1","event":"e","ref":6}`)
	bob.expect(`"published"`)

	bob.send(`{"type":"join","group":"team:1","role":"editor","ref":9}`)
	if f := bob.expect(`"join-denied"`); f["reason"] != "FORBIDDEN" {
		t.Errorf("a role that nobody gave: %v", f)
	}
	bob.send(`{"type":"join","group":"team:1","ref":10}`)
	bob.expect(`"joined","group":"team:1","role":"member"`)
	ann.send(`{"type":"join","group":"team:1","role":"editor","ref":11}`)
	ann.expect(`"joined","group":"team:1","role":"editor"`)
	ann.send(`{"type":"join","group":"team:2","role":"admin","ref":12}`)
	ann.expect(`"join-denied"`)

	for _, topic := range []string{"log:1", "elsewhere"} { // the second fits no pattern
		ann.send(`{"type":"subscribe","topic":"` + topic + `","ref":7}`)
		ann.expect(`"subscribe-denied","topic":"` + topic)
		ann.send(`{"type":"publish","topic":"` + topic + `","event":"e","ref":8}`)
		ann.expect(`"publish-denied"`)
	}
}

// TestAnonymous shows that topics for anyone let clients without a token in,
// and a wrong token still is one.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	config := file(t, "t.yaml", `
auth: {jwt: {keys: "`+testSecret+`", algorithms: [HS256]}}
topics:
  - {match: "news:*", subscribe: [anyone]}
  - {match: "*"}
groups:
  - {match: "team:*"}
`)
	p := serve(t, nil, "--config", config)
	refused(t, p.url, bearer("nonsense"), http.StatusUnauthorized)
	c := dial(t, p.url, nil)
	c.send(`{"type":"subscribe","topic":"news:1","ref":1}`)
	c.expect(`"subscribed"`)
	c.send(`{"type":"publish","topic":"news:1","event":"e","ref":2}`)
	if f := c.expect(`"publish-denied"`); f["reason"] != "UNAUTHENTICATED" {
		t.Errorf("denied %v", f)
	}
	c.send(`{"type":"subscribe","topic":"other","ref":3}`)
	if f := c.expect(`"subscribe-denied"`); f["reason"] != "UNAUTHENTICATED" {
		t.Errorf("denied %v", f)
	}
	c.send(`{"type":"join","group":"team:1","ref":4}`)
	if f := c.expect(`"join-denied"`); f["reason"] != "UNAUTHENTICATED" {
		t.Errorf("denied %v", f)
	}
}
