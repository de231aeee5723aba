package inspect

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

type fixed struct{ name string }

func (f fixed) Node() Node {
	return Node{ID: f.name, Version: "v1", Address: f.name, Backend: f.name, Ready: true}
}

func (f fixed) Members() []Member {
	now := time.Now()
	return []Member{
		{ID: f.name, Incarnation: f.name, Address: f.name, Version: f.name, State: "alive", Self: true, Started: now.Add(-time.Hour), LeaseUntil: now, LeaseEndsInMS: 4321},
		{ID: "other", State: "dead"},
	}
}

func (f fixed) Backends() Backends {
	return Backends{
		Backends: []Backend{{Backend: f.name, State: "broken", Since: time.Unix(0, 0), Outage: 3, Reason: f.name, URL: f.name, Schema: f.name, Conns: 8, Busy: 2}},
		Channels: []Channel{
			{Name: f.name, Leader: true, Listening: true, Received: 71, Dropped: map[string]uint64{f.name: 72}, LastError: f.name, ErrorAt: time.Unix(0, 0)},
			{Name: "elsewhere", Leader: true, Standby: true}, {Name: "for itself", Listening: true}, {Name: "cut off"},
		},
		Outbox: &Outbox{Leader: true, Since: time.Unix(0, 0), LastError: f.name},
	}
}

func (f fixed) Topics() Topics {
	return Topics{Awake: 5, Policies: []Policy{{Match: f.name, History: "1000", TTL: "for good", Slow: "disconnect", Idle: "30s"}}}
}

func ask(s Source, method, path string, change func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	Handler(s).ServeHTTP(w, r)
	return w.Result()
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/debug/", 200, "Node n1"},
		{"GET", "/debug/", 200, "4.3s"},
		{"GET", "/debug/style.css", 200, "table"},
		{"GET", "/debug/members", 200, `"leaseEndsInMs":4321`},
		{"GET", "/debug/health", 200, `"state":"broken","since":"1970-`},
		{"GET", "/debug/health", 200, `"channels":[{"name":"n1","leader":true,"listening":true,"received":71,"published":0,"dropped":{"n1":72}`},
		{"GET", "/debug/health", 200, `"outbox":{"leader":true,"since":"1970-01-01T`},
		{"GET", "/debug/", 200, "2 of 8 connections busy"},
		{"GET", "/debug/", 200, "The outbox is forwarded by this node, since 1970-01-01"},
		{"GET", "/debug/", 200, "<td>this node for all</td>"},
		{"GET", "/debug/", 200, "<td>another node</td>"},
		{"GET", "/debug/", 200, "<td>each node for itself</td>"},
		{"GET", "/debug/", 200, "<td>nobody here</td>"},
		{"GET", "/debug/topics", 200, `{"awake":5,"policies":[{"match":"n1",`},
		{"HEAD", "/debug/members", 200, ""},
		{"POST", "/debug/members", 405, ""},
		{"DELETE", "/debug/", 405, ""},
		{"GET", "/debug/pprof/", 404, ""},
		{"GET", "/debug/page.html", 404, ""},
	} {
		res := ask(fixed{"n1"}, c.method, c.path, nil)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.path, res.StatusCode, body)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"} {
			if res.Header.Get(name) == "" {
				t.Errorf("%s %s has no %s", c.method, c.path, name)
			}
		}
	}
}

func TestOnlyFromHere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		fine   bool
	}{
		"here":              {nil, true},
		"by ::1":            {func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:1", "[::1]:8080" }, true},
		"mapped":            {func(r *http.Request) { r.RemoteAddr = "[::ffff:127.0.0.1]:1" }, true},
		"from the network":  {func(r *http.Request) { r.RemoteAddr = "10.0.0.1:1" }, false},
		"no address":        {func(r *http.Request) { r.RemoteAddr = "@" }, false},
		"another name":      {func(r *http.Request) { r.Host = "evil.example" }, false},
		"a name like ours":  {func(r *http.Request) { r.Host = "localhost.evil.example" }, false},
		"through a proxy":   {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1") }, false},
		"through a gateway": {func(r *http.Request) { r.Header.Set("Via", "1.1 x") }, false},
	} {
		for _, path := range []string{"/debug/", "/debug/members", "/debug/health", "/debug/topics", "/debug/style.css", "/debug/none"} {
			res := ask(fixed{"n1"}, "GET", path, c.change)
			body, _ := io.ReadAll(res.Body)
			if c.fine != (res.StatusCode != http.StatusForbidden) || !c.fine && strings.Contains(string(body), "n1") {
				t.Errorf("%s, %s: %d %s", name, path, res.StatusCode, body)
			}
		}
	}
}

func TestMarkupStaysText(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror='x'>`
	body, _ := io.ReadAll(ask(fixed{evil}, "GET", "/debug/", nil).Body)
	if strings.Contains(string(body), "<script") || strings.Contains(string(body), "<img") || !strings.Contains(string(body), "&lt;script&gt;") {
		t.Errorf("page\n%s", body)
	}
	res := ask(fixed{evil}, "GET", "/debug/members", nil)
	if res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("type %s", res.Header.Get("Content-Type"))
	}
	var got struct{ Members []Member }
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Members[0].ID != evil {
		t.Errorf("%v, %+v", err, got)
	}
}
