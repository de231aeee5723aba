package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on a busy machine.
const patience = 30 * time.Second

// policies are those of every node in these tests.
func policies(c cluster.Config) cluster.Config {
	c.Topics = []topic.Policy{{Match: "live:*", History: -1}, {Match: "short:*", History: 3}, {Match: "*"}}
	c.Presence = []presence.Policy{{Match: "live:*", Off: true}, {Match: "*"}}
	c.Cursors = []cursor.Policy{{Match: "live:*", Off: true}, {Match: "*"}}
	c.Groups = []group.Policy{{Match: "lobby:*", MaxMembers: 2}}
	c.Limits = []ratelimit.Policy{
		{Name: "mails", Kind: ratelimit.Fixed, Points: 5, Interval: time.Hour},
		{Name: "strict", Kind: ratelimit.Fixed, Points: 2, Interval: time.Hour, Block: time.Hour},
	}
	return c
}

// api is a handler and the node that it serves.
type api struct {
	t    testing.TB
	node *cluster.Node
	http.Handler
}

func start(t testing.TB, o httpapi.Options) *api { return startNode(t, cluster.Config{}, o) }

func startNode(t testing.TB, c cluster.Config, o httpapi.Options) *api {
	t.Helper()
	node, err := cluster.Start(context.Background(), policies(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() }) // some tests leave Redis broken
	return &api{t, node, handler(t, node, o)}
}

func handler(t testing.TB, node httpapi.Node, o httpapi.Options) http.Handler {
	t.Helper()
	h, err := httpapi.New(node, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost:8080"
	if body == "" {
		r.Body = http.NoBody
		return r
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

func do(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), strings.TrimSuffix(w.Body.String(), "\n")}
}

func (a *api) ask(method, path, body string) answer {
	a.t.Helper()
	return do(a, request(method, "/api/v1"+path, body))
}

// want asks, and compares status and body.
func (a *api) want(method, path, body string, status int, text string) {
	a.t.Helper()
	if got := a.ask(method, path, body); got.status != status || got.body != text {
		a.t.Errorf("%s %s %.100s: %d %.500s\nwant %d %s", method, path, body, got.status, got.body, status, text)
	}
}

// refuses asks, and compares status and code of the problem.
func (a *api) refuses(method, path, body string, status int, code string) answer {
	a.t.Helper()
	got := a.ask(method, path, body)
	got.isProblem(a.t, method+" "+path+" "+body, status, code)
	return got
}

type problem struct {
	Title, Code, Detail, Field string
	Status                     int
	RetryAfterMS               int64 `json:"retryAfterMs"`
}

// isProblem checks that an answer is a whole problem document.
func (got answer) isProblem(t testing.TB, what string, status int, code string) (p problem) {
	t.Helper()
	err := json.Unmarshal([]byte(got.body), &p)
	if got.status != status || err != nil || p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" ||
		got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%.200s: %d %.500s (%v)\nwant %d %s", what, got.status, got.body, err, status, code)
	}
	if again := got.header.Get("Retry-After"); (again != "") != (status == 503 || status == 429) || (p.RetryAfterMS > 0) != (again != "") {
		t.Errorf("%.200s: Retry-After %q, retryAfterMs %d with %d", what, again, p.RetryAfterMS, status)
	}
	return p
}

// eventually asks until it is right.
func eventually(t testing.TB, what string, right func() error) {
	t.Helper()
	redistest.Eventually(t, patience, what, right)
}

// ear hears what a member of a group is sent.
type ear struct {
	mu    sync.Mutex
	heard []string
}

func (e *ear) take(events []*topic.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range events {
		e.heard = append(e.heard, event.Name())
	}
}

func (e *ear) Deliver(_ string, b *topic.Batch)          { e.take(b.Events) }
func (e *ear) DeliverTo(_ string, _ any, b *topic.Batch) { e.take(b.Events) }
func (e *ear) Joined(string, any, topic.Joined)          {}
func (e *ear) Left(string, any)                          {}
func (e *ear) Closed(string, error)                      {}

func (e *ear) words() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (e *ear) has(name string) bool { return slices.Contains(e.words(), name) }

// join has somebody join a group, and hear of it.
func (a *api) join(name, identity, role string) *ear {
	a.t.Helper()
	e := &ear{}
	_, err := a.node.Groups().Join(a.t.Context(), name, group.Joiner{
		Outlet: e, Receiver: identity, Identity: identity, Connection: identity, Role: role, Data: json.RawMessage(`{"name":"` + identity + `"}`),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return e
}
