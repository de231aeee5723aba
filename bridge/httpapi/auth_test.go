package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bridge/httpapi"
)

func keyed(name, key string, may ...string) httpapi.Key {
	return httpapi.Key{Name: name, Hash: httpapi.HashKey(key), May: may}
}

// calls is one call for each permission, with the status that it has when it is let in.
var calls = map[string]struct {
	method, path, body string
	status             int
}{
	"publish":  {"POST", "/api/v1/publish", `{"topic":"a","event":"e"}`, 200},
	"history":  {"GET", "/api/v1/topics/a/history", "", 200},
	"presence": {"GET", "/api/v1/topics/a/presence", "", 200},
	"cursors":  {"GET", "/api/v1/topics/a/cursors", "", 200},
	"groups":   {"GET", "/api/v1/groups/lobby%3A1", "", 200},
	"limits":   {"GET", "/api/v1/limits/mails/a", "", 200},
}

// TestKeys tries every key on every kind of call.
func TestKeys(t *testing.T) {
	t.Parallel()
	var keys []httpapi.Key
	for _, may := range httpapi.Permissions() {
		keys = append(keys, keyed(may+"er", "key for "+may, may))
	}
	all, hash := httpapi.NewKey()
	keys = append(keys, httpapi.Key{Name: "all", Hash: strings.ToLower(hash), May: httpapi.Permissions()})
	a := start(t, httpapi.Options{Keys: keys})
	for permission, c := range calls {
		ask := func(headers ...string) answer {
			r := request(c.method, c.path, c.body)
			r.RemoteAddr, r.Host = "203.0.113.7:1", "api.example.com"
			for _, h := range headers {
				r.Header.Add("Authorization", h)
			}
			return do(a, r)
		}
		for _, may := range httpapi.Permissions() {
			got := ask("Bearer key for " + may)
			if may == permission && got.status != c.status {
				t.Errorf("%s: %d %s", may, got.status, got.body)
			}
			if may != permission {
				got.isProblem(t, may+" for "+permission, 403, "FORBIDDEN")
			}
		}
		for _, header := range []string{"Bearer " + all, "bearer  " + all, "BEARER " + all + " "} {
			if got := ask(header); got.status != c.status {
				t.Errorf("%s with the key for all: %d %s", permission, got.status, got.body)
			}
		}
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + all, all, "Bearer " + hash, "Bearer " + all + "x", "Bearer " + all[:20]} {
			got := ask(header)
			got.isProblem(t, header, 401, "UNAUTHENTICATED")
			if got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: header %v", header, got.header)
			}
		}
		ask().isProblem(t, "no header", 401, "UNAUTHENTICATED")
		ask("Bearer "+all, "Bearer "+all).isProblem(t, "two headers", 401, "UNAUTHENTICATED")
	}
	// With keys, being on the same machine gives nothing.
	a.refuses("GET", "/topics/a/history", "", 401, "UNAUTHENTICATED")
	// What is no call needs no key to be told so.
	a.refuses("GET", "/nothing", "", 404, "NOT_FOUND")
	a.refuses("GET", "/publish", "", 405, "METHOD_NOT_ALLOWED")
}

// TestKeysStayHidden looks for a key wherever a node speaks.
func TestKeysStayHidden(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	var log bytes.Buffer
	a := start(t, httpapi.Options{
		Keys:   []httpapi.Key{keyed("a", secret, "publish")},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Authorize: func(r *http.Request, _ string) error {
			return fmt.Errorf("a failure that says %s", strings.Repeat("so ", 3))
		},
	})
	var said strings.Builder
	for _, c := range calls {
		for _, header := range []string{"Bearer " + secret, "Bearer " + secret + "x", "Basic " + secret, secret} {
			r := request(c.method, c.path, c.body)
			r.Header.Set("Authorization", header)
			got := do(a, r)
			said.WriteString(got.body + fmt.Sprint(got.header))
		}
	}
	said.WriteString(log.String())
	if strings.Contains(said.String(), "hunter2") {
		t.Errorf("shows the key: %s", said.String())
	}
	if !strings.Contains(log.String(), "so so so") {
		t.Errorf("the log does not say what failed: %s", log.String())
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	var asked []string
	a := start(t, httpapi.Options{
		Keys: []httpapi.Key{keyed("a", "key", "publish")},
		Authorize: func(r *http.Request, permission string) error {
			asked = append(asked, permission)
			if _, ok := r.Context().Deadline(); !ok {
				t.Error("the request has no deadline")
			}
			switch r.Header.Get("X-Who") {
			case "ann":
				return nil
			case "bob":
				return fmt.Errorf("not bob: %w", httpapi.ErrForbidden)
			case "broken":
				return errors.New("the secret cause")
			case "panics":
				panic("the secret cause")
			}
			return fmt.Errorf("who? %w", httpapi.ErrUnauthenticated)
		},
	})
	for permission, c := range calls {
		asked = nil
		for who, want := range map[string]struct {
			status int
			code   string
		}{"ann": {c.status, ""}, "bob": {403, "FORBIDDEN"}, "broken": {500, "INTERNAL_ERROR"}, "panics": {500, "INTERNAL_ERROR"}, "": {401, "UNAUTHENTICATED"}} {
			r := request(c.method, c.path, c.body)
			r.Header.Set("X-Who", who)
			got := do(a, r)
			if want.code != "" {
				got.isProblem(t, who, want.status, want.code)
			}
			if got.status != want.status || strings.Contains(got.body, "cause") {
				t.Errorf("%s %q: %d %s", permission, who, got.status, got.body)
			}
		}
		if len(asked) != 5 || asked[0] != permission {
			t.Errorf("asked %v for %s", asked, permission)
		}
	}
	asked = nil
	r := request("GET", "/api/v1/limits/mails/a", "")
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set("X-Who", "ann")
	do(a, r).isProblem(t, "a key decides", 403, "FORBIDDEN")
	if len(asked) != 0 {
		t.Errorf("asked %v about a key", asked)
	}
}

// TestOnlyFromHere shows who is answered where nobody has to say who he is.
func TestOnlyFromHere(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	for _, c := range []struct {
		remote, host string
		header       [2]string
		fine         bool
	}{
		{"127.0.0.1:1", "127.0.0.1:8080", [2]string{}, true},
		{"127.9.9.9:1", "localhost", [2]string{}, true},
		{"[::1]:1", "[::1]:8080", [2]string{}, true},
		{"[::ffff:127.0.0.1]:1", "LocalHost.:8080", [2]string{}, true},
		{"10.0.0.1:1", "127.0.0.1:8080", [2]string{}, false},
		{"203.0.113.7:1", "localhost:8080", [2]string{}, false},
		{"[2001:db8::1]:1", "localhost:8080", [2]string{}, false},
		{"@", "localhost:8080", [2]string{}, false},
		{"", "localhost:8080", [2]string{}, false},
		{"localhost:1", "localhost:8080", [2]string{}, false},
		{"127.0.0.1:1", "evil.example:8080", [2]string{}, false},
		{"127.0.0.1:1", "localhost.evil.example", [2]string{}, false},
		{"127.0.0.1:1", "127.0.0.1.evil.example", [2]string{}, false},
		{"127.0.0.1:1", "0.0.0.0:8080", [2]string{}, false},
		{"127.0.0.1:1", "", [2]string{}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"X-Forwarded-For", "203.0.113.7"}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"Forwarded", "for=203.0.113.7"}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"X-Real-Ip", ""}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"Via", "1.1 x"}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"X-Forwarded-Host", "x"}, false},
		{"127.0.0.1:1", "localhost:8080", [2]string{"Authorization", "Bearer anything"}, true},
	} {
		for _, call := range calls {
			r := request(call.method, call.path, call.body)
			r.RemoteAddr, r.Host = c.remote, c.host
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			got := do(a, r)
			if c.fine && got.status != call.status {
				t.Errorf("%+v: %d %s", c, got.status, got.body)
			}
			if !c.fine {
				got.isProblem(t, fmt.Sprintf("%+v", c), 403, "FORBIDDEN")
			}
		}
	}
}

// TestOtherOrigins shows which pages are answered, with a key too.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	open := start(t, httpapi.Options{})
	locked := start(t, httpapi.Options{Keys: []httpapi.Key{keyed("a", "key", httpapi.Permissions()...)}})
	for _, c := range []struct {
		origin, site string
		get, post    bool
	}{
		{"", "", true, true},
		{"http://localhost:8080", "same-origin", true, true},
		{"https://LOCALHOST:8080", "", true, true},
		{"", "same-origin", true, true},
		{"", "none", true, false}, // somebody typed it
		{"", "cross-site", false, false},
		{"", "same-site", false, false},
		{"", "x", false, false},
		{"null", "", false, false},
		{"http://localhost:8080", "cross-site", false, false},
		{"http://localhost", "", false, false},
		{"http://localhost:8081", "", false, false},
		{"http://127.0.0.1:8080", "", false, false},
		{"https://evil.example", "same-origin", false, false},
		{"ftp://localhost:8080", "", false, false},
		{"http://localhost:8080/", "", false, false},
		{"localhost:8080", "", false, false},
		{"%", "", false, false},
	} {
		for _, a := range []*api{open, locked} {
			for _, call := range calls {
				r := request(call.method, call.path, call.body)
				r.Header.Set("Authorization", "Bearer key")
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				if c.site != "" {
					r.Header.Set("Sec-Fetch-Site", c.site)
				}
				got := do(a, r)
				fine := c.get
				if call.method == "POST" {
					fine = c.post
				}
				if fine && got.status != call.status {
					t.Errorf("%+v %s: %d %s", c, call.method, got.status, got.body)
				}
				if !fine {
					got.isProblem(t, fmt.Sprintf("%+v %s", c, call.method), 403, "FORBIDDEN")
				}
			}
		}
	}
	r := request("GET", "/api/v1/topics/a/history", "")
	r.Header["Origin"] = []string{"http://localhost:8080", "http://evil.example"}
	do(open, r).isProblem(t, "two origins", 403, "FORBIDDEN")
	r = request("GET", "/api/v1/topics/a/history", "")
	r.Host = "localhost"
	r.Header.Set("Origin", "http://localhost:80")
	if got := do(open, r); got.status != 200 {
		t.Errorf("default port: %d %s", got.status, got.body)
	}
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	key, hash := httpapi.NewKey()
	other, _ := httpapi.NewKey()
	if len(key) != len("troupe_")+43 || key == other || httpapi.HashKey(key) != hash {
		t.Errorf("key %s of %s, %s", key, hash, other)
	}
	if got := httpapi.HashKey("hello"); got != "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("hash %s", got)
	}
}
