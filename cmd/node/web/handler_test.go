package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func fixed() Stats {
	return Stats{Node: "n1", Version: "v1", Backend: "redis", Members: 2, Nodes: []string{"http://127.0.0.1:8081"}, Connections: 2, Topics: 3, UptimeSeconds: 4.5, Published: 6, Delivered: 7, Goroutines: 8, HeapBytes: 9}
}

func ask(method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(fixed).ServeHTTP(w, r)
	return w.Result()
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/troupe.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/assets/page.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/assets/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/assets/icon.svg", 200, "image/svg+xml"},
		{"GET", "/stats", 200, "application/json"},
		{"GET", "/index.html", 404, ""},
		{"GET", "/handler.go", 404, ""},
		{"GET", "/assets/", 404, ""},
		{"GET", "/assets/none.js", 404, ""},
		{"GET", "/stats/", 404, ""},
		{"POST", "/", 405, ""},
		{"PUT", "/stats", 405, ""},
		{"DELETE", "/nothing", 405, ""},
		{"OPTIONS", "/troupe.js", 405, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			t.Parallel()
			res := ask(c.method, c.path)
			if res.StatusCode != c.status {
				t.Fatalf("status %d, want %d", res.StatusCode, c.status)
			}
			if kind := res.Header.Get("Content-Type"); c.kind != "" && kind != c.kind {
				t.Errorf("type %q, want %q", kind, c.kind)
			}
			if c.status == http.StatusMethodNotAllowed && res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow is %q", res.Header.Get("Allow"))
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": policy} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			body, _ := io.ReadAll(res.Body)
			if c.status == http.StatusOK && (len(body) == 0) != (c.method == "HEAD") {
				t.Errorf("%d bytes of body", len(body))
			}
		})
	}
}

func TestFilesAreKeptUntilTheyChange(t *testing.T) {
	t.Parallel()
	first := ask("GET", "/troupe.js")
	tag := first.Header.Get("ETag")
	if !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(tag) || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", tag, first.Header.Get("Cache-Control"))
	}
	if res := ask("GET", "/troupe.js", "If-None-Match", tag); res.StatusCode != http.StatusNotModified {
		t.Errorf("status %d for a file the browser has, want 304", res.StatusCode)
	}
	if res := ask("GET", "/troupe.js", "If-None-Match", `"older"`); res.StatusCode != http.StatusOK {
		t.Errorf("status %d for a file that changed, want 200", res.StatusCode)
	}
	if other := ask("GET", "/").Header.Get("ETag"); other == tag {
		t.Error("two files have one tag")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	res := ask("GET", "/stats")
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", res.Header.Get("Cache-Control"))
	}
	var got Stats
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || !reflect.DeepEqual(got, fixed()) {
		t.Errorf("stats %+v, %v", got, err)
	}
	body, _ := io.ReadAll(ask("GET", "/stats").Body)
	const want = `{"node":"n1","version":"v1","backend":"redis","members":2,"nodes":["http://127.0.0.1:8081"],"connections":2,"topics":3,"uptimeSeconds":4.5,"published":6,"delivered":7,"goroutines":8,"heapBytes":9}`
	if string(body) != want {
		t.Errorf("stats %s, want %s", body, want)
	}
}

// The browser enforces the policy; this sees to it that there is something to
// enforce, and that nothing in the files needs more.
func TestPolicyForbidsWhatIsNotServed(t *testing.T) {
	t.Parallel()
	if !strings.HasPrefix(policy, "default-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for host, want := range map[string]string{
		"app.example": policy, "app.example:8080": policy, "10.0.0.1:8080": policy, "localhost.example:80": policy,
		"127.0.0.1:8080": localPolicy, "localhost": localPolicy, "localhost:8080": localPolicy, "[::1]:8080": localPolicy,
	} {
		if got := policyFor(host); got != want {
			t.Errorf("%s: policy %q, want %q", host, got, want)
		}
	}
	inline := regexp.MustCompile(`(?i)\sstyle="|\son[a-z]+="|<style|<script>|javascript:|https?://(?:[^1w]|w[^w])`)
	for name, f := range load() {
		body := f.body
		if name == "/assets/icon.svg" {
			continue // names its namespace
		}
		if found := inline.Find(body); found != nil {
			t.Errorf("%s contains %q", name, found)
		}
	}
}

// People copy the client because it is small. With topics alone it had 15 KiB;
// presence, cursors, groups and several addresses took 10 more. gzip makes 8 of it.
func TestClientIsSmall(t *testing.T) {
	t.Parallel()
	if size := len(load()["/troupe.js"].body); size > 25<<10 {
		t.Errorf("troupe.js has %d bytes, want at most %d", size, 25<<10)
	}
}
