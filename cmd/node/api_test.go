package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// call makes a call of the HTTP API. Header is "Name: value" each.
func call(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// TestAPI uses the HTTP calls of a node beside its clients.
func TestAPI(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	url := p.url + "/api/v1"
	a := dial(t, p.url+"/ws?id=ann&name=Ann#", nil)
	a.send(`{"type":"subscribe","topic":"demo:a/b","ref":1}`)
	a.expect(`"presence_state"`)
	if status, body := call(t, "POST", url+"/publish", `{"topic":"demo:a/b","event":"said","data":{"text":"hi"}}`); status != 200 || !strings.HasPrefix(body, `{"seq":1,`) {
		t.Errorf("publish: %d %s", status, body)
	}
	if f := a.expect(`"said"`); f["seq"] != 1.0 {
		t.Errorf("event %v", f)
	}
	a.send(`{"type":"join","group":"lobby:1","ref":2}`)
	a.expect(`"members"`)
	if status, body := call(t, "POST", url+"/groups/lobby%3A1/publish", `{"event":"start","role":"member"}`); status != 204 {
		t.Errorf("publish to the group: %d %s", status, body)
	}
	a.expect(`"start"`)
	for path, want := range map[string]string{
		"/topics/demo%3Aa%2Fb/history":  `{"events":[{"topic":"demo:a/b","event":"said","data":{"text":"hi"},"seq":1}],"truncated":false,"seq":1,`,
		"/topics/demo%3Aa%2Fb/presence": `{"count":1,"members":{"ann":{"name":"Ann"}}}`,
		"/topics/demo%3Aa%2Fb/cursors":  `{"cursors":[]}`,
		"/groups/lobby%3A1":             `{"count":1,"members":[{"key":"ann","role":"member","data":{"name":"Ann"}}],"meta":{}}`,
		"/limits/demo/x":                `{"allowed":true,"remaining":20,"resetMs":0}`,
	} {
		if status, body := call(t, "GET", url+path, ""); status != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	// A path with an empty part is no other call.
	for _, path := range []string{"/limits/demo//ban", "/topics//history", "/nothing"} {
		if status, body := call(t, "DELETE", url+path, ""); status != 404 || !strings.Contains(body, `"code":"NOT_FOUND"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, header := range []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "X-Forwarded-For: 203.0.113.7"} {
		if status, _ := call(t, "GET", url+"/topics/a/history", "", header); status != 403 {
			t.Errorf("%s: %d", header, status)
		}
	}
}

// TestAPIKeys makes a key, gives it to a node that asks clients who they are, and uses it.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	_, out, _ := run(t, nil, "key")
	made := regexp.MustCompile(`^key:  (troupe_\S{43})\nhash: (sha256:[0-9a-f]{64})\n$`).FindStringSubmatch(out)
	if made == nil {
		t.Fatalf("node key printed %q", out)
	}
	const auth = "auth:\n  jwt: {keys: '" + testSecret + "', algorithms: [HS256]}\n"
	keys := "  apiKeys: [{name: backend, hash: '" + made[2] + "', may: [publish, history]}]\n"
	token := "Authorization: Bearer " + signed(t, testSecret, jwt.MapClaims{"sub": "ann"})
	key := "Authorization: Bearer " + made[1]
	for name, c := range map[string]struct {
		file            string
		key, other, not int // with the key, on a call that it may not, with a token
	}{
		"keys":               {auth + keys, 200, 403, 401},
		"asked, but no keys": {auth, 401, 401, 401},
		"keys alone":         {"auth:\n" + keys, 200, 403, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, nil, "--log-level", "debug", "--config", file(t, "t.yaml", c.file))
			url := p.url + "/api/v1"
			if status, body := call(t, "GET", url+"/topics/a/history", "", key); status != c.key {
				t.Errorf("with the key: %d %s", status, body)
			}
			if status, body := call(t, "GET", url+"/topics/a/presence", "", key); status != c.other {
				t.Errorf("what the key may not: %d %s", status, body)
			}
			if status, body := call(t, "GET", url+"/topics/a/history", "", token); status != c.not {
				t.Errorf("with a token: %d %s", status, body)
			}
			if status, body := call(t, "GET", url+"/topics/a/history", ""); status != 401 {
				t.Errorf("with nothing: %d %s", status, body)
			}
			if said := p.stderr.String(); strings.Contains(said, made[1]) || strings.Contains(said, made[2]) {
				t.Errorf("the log shows the key: %s", said)
			}
		})
	}
}
