package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/cmd/node/inspect"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// membersOf runs node members --json against a node.
func membersOf(t *testing.T, url string) []inspect.Member {
	t.Helper()
	code, stdout, stderr := run(t, nil, "members", "--json", "--url", url)
	var answer struct{ Members []inspect.Member }
	if err := json.Unmarshal([]byte(stdout), &answer); code != exitFine || err != nil {
		t.Fatalf("code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	return answer.Members
}

func TestMembersOfOne(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	code, stdout, stderr := run(t, nil, "members", "--url", p.url)
	if code != exitFine || strings.Count(stdout, "alive") != 1 || !strings.Contains(stdout, " *") || !strings.Contains(stdout, "all in memory") {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
	if m := membersOf(t, p.url); len(m) != 1 || !m[0].Self || m[0].State != "alive" {
		t.Errorf("members %+v", m)
	}
	for path, want := range map[string]string{"/debug/": "All in memory", "/debug/health": `"backends":[]`, "/debug/topics": `"match":"*"`} {
		if status, body := get(t, p.url+path, nil); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := get(t, p.url+"/debug/members", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1") }); status != http.StatusForbidden {
		t.Errorf("a forwarded request got %d", status)
	}
}

func TestMembersOfTwo(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := serve(t, nil, "--redis", redis.URL()), serve(t, []string{"TROUPE_REDIS=" + redis.URL()})
	other := serve(t, nil, "--redis", redis.URL(), "--prefix", "other:")
	for _, p := range []*program{a, b} {
		eventually(t, func() error {
			members, self := membersOf(t, p.url), 0
			for _, m := range members {
				if m.Self {
					self++
				}
				if m.State != "alive" || m.Incarnation == "" || m.Address != a.url && m.Address != b.url || m.LeaseEndsInMS < 1 || m.LeaseEndsInMS > 6500 {
					return fmt.Errorf("member %+v", m)
				}
			}
			if len(members) != 2 || self != 1 {
				return fmt.Errorf("members %+v", members)
			}
			return nil
		})
	}
	if m := membersOf(t, other.url); len(m) != 1 {
		t.Errorf("another prefix is another cluster, but has %+v", m)
	}
	code, stdout, _ := run(t, nil, "members", "--url", a.url)
	if code != exitFine || !strings.Contains(stdout, b.url) || !strings.Contains(stdout, "a cluster over redis://127.0.0.1") {
		t.Errorf("code %d\n%s", code, stdout)
	}
}

func TestMembersRefusals(t *testing.T) {
	t.Parallel()
	answering := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, status, body) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, c := range map[string]struct{ url, want string }{
		"nobody":     {freeAddress(t), "Start one with: node serve"},
		"forbidden":  {answering(403, ""), "on its own machine"},
		"not a node": {answering(404, ""), "is a node of this version"},
		"no JSON":    {answering(200, "hello"), "is not a list of members"},
	} {
		code, stdout, stderr := run(t, nil, "members", "--url", c.url)
		if code != exitFault || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%s: code %d\n%s%s", name, code, stdout, stderr)
		}
	}
}

// TestMembersStayOnTheirLine shows that a node can not move the cursor of
// whoever looks at it.
func TestMembersStayOnTheirLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := printMembers(&out, inspect.Node{}, []inspect.Member{{ID: "a\x1b[2J\r", Address: "\u0085"}}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r\u0085") {
		t.Errorf("%q", out.String())
	}
}
