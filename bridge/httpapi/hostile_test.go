package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/bridge/httpapi"
)

// TestHostileInput sends what nobody should.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	for _, path := range []string{"/", "/nothing", "/publish/", "/topics/a", "/topics/a/b/history", "/topics/a/history/", "/topics//history",
		"/limits/mails//consume", "/limits/mails//ban", "/limits//x", "/topics/../publish", "/topics/./history", "//publish", "/limits/mails"} {
		for _, method := range []string{"GET", "POST", "DELETE", "PUT"} {
			a.refuses(method, path, "", 404, "NOT_FOUND")
		}
	}
	for path, allow := range map[string]string{
		"/publish": "POST", "/topics/a/history": "DELETE, GET, HEAD", "/topics/a/presence": "GET, HEAD", "/topics/a/cursors": "GET, HEAD",
		"/groups/lobby%3A1": "DELETE, GET, PATCH, HEAD", "/groups/lobby%3A1/publish": "POST", "/groups/lobby%3A1/reopen": "POST",
		"/limits/mails/a": "DELETE, GET, HEAD", "/limits/mails/a/consume": "POST", "/limits/mails/a/ban": "DELETE, PUT",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if strings.Contains(allow, method) {
				continue
			}
			if got := a.refuses(method, path, "", 405, "METHOD_NOT_ALLOWED"); got.header.Get("Allow") != allow {
				t.Errorf("%s %s allows %q, want %q", method, path, got.header.Get("Allow"), allow)
			}
		}
	}
	for name, code := range map[string]string{
		"%22": "INVALID_TOPIC", "%5C": "INVALID_TOPIC", "%00": "INVALID_TOPIC", "%FF": "INVALID_TOPIC", "%0A": "INVALID_TOPIC",
		"%C3%A4": "INVALID_TOPIC", "__a": "INVALID_TOPIC", "%5F%5Fa": "INVALID_TOPIC", long(257): "INVALID_TOPIC",
	} {
		for _, what := range []string{"history", "presence", "cursors"} {
			a.refuses("GET", "/topics/"+name+"/"+what, "", 400, code)
		}
		a.refuses("DELETE", "/topics/"+name+"/history", "", 400, code)
	}
	for _, name := range []string{"%2E%2E", "%2E", "%2F%2F", "a%2F..%2Fb", "a%20b", "a%3Fb", "a%23b", "a%25b"} {
		if got := a.ask("GET", "/topics/"+name+"/history", ""); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	a.refuses("POST", "/publish", strings.Repeat("[", 100_000), 400, "INVALID_REQUEST")
	a.refuses("POST", "/publish", `{"topic":"a","event":"e","data":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+"}", 400, "INVALID_REQUEST")
	a.refuses("POST", "/publish", "{\"topic\":\"a\",\"event\":\"e\",\"data\":\"\xff\"}", 400, "INVALID_REQUEST")
	a.refuses("POST", "/publish", `{"`+long(1000)+`":1}`, 400, "INVALID_REQUEST")
	if got := a.ask("POST", "/publish", `{"`+long(1000)+`":1}`); len(got.body) > 400 {
		t.Errorf("the answer repeats what was sent: %s", got.body)
	}
}

// TestBodies shows what a body may be, and how large.
func TestBodies(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	event := func(n int) string { return `{"topic":"a","event":"e","data":"` + long(n-35) + `"}` }
	if got := len(event(100)); got != 100 {
		t.Fatal(got)
	}
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/publish", event(1 << 20), 200, ""},
		{"/publish", event(1<<20 + 1), 413, "TOO_LARGE"},
		{"/groups/lobby%3A1/publish", `{"event":"e","data":"` + long(64<<10-23) + `"}`, 204, ""},
		{"/groups/lobby%3A1/publish", `{"event":"e","data":"` + long(64<<10-22) + `"}`, 413, "TOO_LARGE"},
		{"/limits/mails/a/consume", `{"cost":1` + strings.Repeat(" ", 64<<10) + "}", 413, "TOO_LARGE"},
	} {
		got := a.ask("POST", c.path, c.body)
		if c.code != "" {
			got.isProblem(t, c.path, c.status, c.code)
		} else if got.status != c.status {
			t.Errorf("%s with %d bytes: %d %s", c.path, len(c.body), got.status, got.body)
		}
	}
	for kind, fine := range map[string]bool{
		"application/json": true, "Application/JSON; charset=UTF-8": true, "application/json;charset=\"utf-8\"": true,
		"": false, "text/plain": false, "application/x-www-form-urlencoded": false, "application/json; charset=latin1": false,
		"application/jsonp": false, "application/json, text/plain": false, ";": false,
	} {
		r := request("POST", "/api/v1/publish", `{"topic":"a","event":"e"}`)
		r.Header.Set("Content-Type", kind)
		got := do(a, r)
		if fine && got.status != 200 {
			t.Errorf("%q: %d %s", kind, got.status, got.body)
		}
		if !fine {
			got.isProblem(t, kind, 415, "UNSUPPORTED_MEDIA_TYPE")
		}
	}
	r := request("POST", "/api/v1/publish", `{"topic":"a","event":"e"}`)
	r.Header.Set("Content-Encoding", "gzip")
	do(a, r).isProblem(t, "gzip", 415, "UNSUPPORTED_MEDIA_TYPE")
	r = request("POST", "/api/v1/publish", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{}))
	do(a, r).isProblem(t, "a body that breaks off", 400, "INVALID_REQUEST")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestSlowBody has a caller promise a body and not send it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{Timeout: 300 * time.Millisecond})
	server := httptest.NewServer(a)
	defer server.Close()
	slowly(t, server, "POST", "publish", "408 ")
	slowly(t, server, "POST", "nothing", "404 ")
	slowly(t, server, "PUT", "publish", "405 ")
	slowly(t, server, "GET", "topics/a/history", "200 ")
}

// slowly sends a part of a body, and nothing more.
func slowly(t *testing.T, server *httptest.Server, method, path, status string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "%s /api/v1/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		method, path, server.Listener.Addr())
	text, err := io.ReadAll(conn) // the connection ends too
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 "+status) {
		t.Errorf("%s %s: %s: %v", method, path, text, err)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	a := start(t, httpapi.Options{Registerer: reg})
	a.ask("POST", "/publish", `{"topic":"a","event":"e"}`)
	a.ask("POST", "/publish", `{}`)
	a.ask("GET", "/topics/a/history", "")
	a.ask("GET", "/topics/b/history", "")
	a.ask("PATCH", "/topics/b/history", "")
	a.ask("GET", "/wp-admin", "")
	want := `# HELP troupe_httpapi_calls_total Calls of the HTTP API by what was asked for and the status that answered; call none is no call of the API.
# TYPE troupe_httpapi_calls_total counter
troupe_httpapi_calls_total{call="history",status="200"} 2
troupe_httpapi_calls_total{call="none",status="404"} 1
troupe_httpapi_calls_total{call="none",status="405"} 1
troupe_httpapi_calls_total{call="publish",status="200"} 1
troupe_httpapi_calls_total{call="publish",status="400"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_httpapi_calls_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(reg, "troupe_httpapi_call_seconds"); n != 3 {
		t.Errorf("%d histograms", n)
	}
}

// plain says whether an answer is one that this package may give.
func plain(t *testing.T, got answer) {
	t.Helper()
	switch {
	case got.status == 204 && got.body == "", got.status == 200 && json.Valid([]byte(got.body)):
	case got.status >= 400 && got.status < 500:
		var p problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || p.Code == "" || p.Detail == "" || len(p.Field) > 300 {
			t.Errorf("%d %s: %v", got.status, got.body, err)
		}
	default:
		t.Errorf("%d %s", got.status, got.body)
	}
}

// FuzzBody sends arbitrary bodies to each call that reads one.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"topic":"a","event":"e","data":{"x":[1,null,"\u00e4"]},"id":"1"}`, `[{"topic":"a","event":"e"},{"topic":"__a"}]`,
		`{"cost":1}`, `{"forMs":60000}`, `{"meta":{"a":"b"}}`, `{"event":"e","role":"admin","member":"x"}`, `[`, `{}`, `null`, ` `, "\xff", `{"a":1,"a":2}`, `-0`, `1e999`, `{"cost":1e2}`} {
		f.Add([]byte(seed))
	}
	a := start(f, httpapi.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range [][2]string{{"POST", "/publish"}, {"PATCH", "/groups/lobby%3A1"}, {"POST", "/groups/lobby%3A1/publish"},
			{"POST", "/limits/mails/a/consume"}, {"PUT", "/limits/mails/a/ban"}} {
			r := request(c[0], "/api/v1"+c[1], "x")
			r.Body = io.NopCloser(bytes.NewReader(body))
			plain(t, do(a, r))
		}
	})
}

// FuzzPath asks for arbitrary names in paths and queries.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"a", "room:a/b", "..", "", "__x", "a\x00", "ä", "%", "\xff", "a?b#c", " ", long(600)} {
		f.Add(seed, "since=1&epoch=x")
	}
	f.Add("a", "since=1&since=2;%zz")
	a := start(f, httpapi.Options{AnyScript: true})
	f.Fuzz(func(t *testing.T, name, query string) {
		segment := url.PathEscape(name)
		for _, c := range [][2]string{{"GET", "/topics/%s/history"}, {"DELETE", "/topics/%s/history"}, {"GET", "/topics/%s/presence"}, {"GET", "/topics/%s/cursors"},
			{"GET", "/groups/%s"}, {"DELETE", "/groups/%s"}, {"GET", "/limits/mails/%s"}, {"POST", "/limits/mails/%s/consume"}, {"PUT", "/limits/%s/a/ban"}} {
			path := "/api/v1" + fmt.Sprintf(c[1], segment)
			r := request(c[0], "/api/v1/publish", "")
			r.URL = &url.URL{Path: strings.Replace(path, segment, name, 1), RawPath: path, RawQuery: query}
			if segment == "" {
				r.URL.Path = path
			}
			got := do(a, r)
			plain(t, got)
			if got.status == http.StatusOK && (name == "" || query == "x=1") {
				t.Errorf("%s %s?%s: %d", c[0], path, query, got.status)
			}
		}
	})
}
