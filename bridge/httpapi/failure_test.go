package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// partly is a node that has topics and nothing else.
type partly struct{ topics *topic.Topics }

func (p partly) Topics() *topic.Topics        { return p.topics }
func (p partly) Presence() *presence.Presence { return nil }
func (p partly) Cursors() *cursor.Boards      { panic("there are none") }
func (p partly) Groups() *group.Groups        { return nil }
func (p partly) Limits() *ratelimit.Limits    { return nil }

// hanging is a Log that answers nothing.
type hanging struct{}

func (hanging) Append(ctx context.Context, _ string, _ []topic.Entry, _ topic.Retention) (topic.Appended, error) {
	<-ctx.Done()
	return topic.Appended{}, ctx.Err()
}

func (hanging) Read(ctx context.Context, _ string, _ uint64, _ int, _ topic.Retention) (topic.Page, error) {
	<-ctx.Done()
	return topic.Page{}, ctx.Err()
}

func (hanging) Clear(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestBackendHangs shows that calls end at their deadline, to the moment.
func TestBackendHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := actors.NewSystem(actors.Config{})
		topics, err := topic.Start(topic.Config{System: system, Log: hanging{}, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		a := &api{t: t, Handler: handler(t, partly{topics}, httpapi.Options{Timeout: 7 * time.Second})}
		for _, c := range [][3]string{
			{"POST", "/publish", `{"topic":"a","event":"e"}`}, {"GET", "/topics/a/history", ""}, {"DELETE", "/topics/a/history", ""},
		} {
			began := time.Now()
			a.refuses(c[0], c[1], c[2], 503, "UNAVAILABLE")
			if took := time.Since(began); took != 7*time.Second {
				t.Errorf("%v took %v", c, took)
			}
		}
		began := time.Now()
		got := a.ask("POST", "/publish", `[{"topic":"a","event":"e"},{"topic":"__a","event":"e"},{"topic":"b","event":"e"}]`)
		if took := time.Since(began); took != 7*time.Second || strings.Count(got.body, `"code":"UNAVAILABLE"`) != 2 || strings.Count(got.body, `"code":"INVALID_TOPIC"`) != 1 {
			t.Errorf("after %v: %s", took, got.body)
		}
		a.refuses("GET", "/topics/a/cursors", "", 500, "INTERNAL_ERROR") // panics
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := errors.Join(topics.Close(ctx), system.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
}

// TestCallerGone has a caller hang up while he waits.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := actors.NewSystem(actors.Config{})
		topics, err := topic.Start(topic.Config{System: system, Log: hanging{}, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		h := handler(t, partly{topics}, httpapi.Options{})
		ctx, hangUp := context.WithTimeout(context.Background(), time.Second)
		defer hangUp()
		began := time.Now()
		do(h, request("GET", "/api/v1/topics/a/history", "").WithContext(ctx))
		if took := time.Since(began); took != time.Second {
			t.Errorf("went on for %v", took)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := errors.Join(topics.Close(ctx), system.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
}

// pair is two nodes of a cluster, each with its API.
func pair(t *testing.T) (redis *redistest.Server, a, b *api) {
	t.Helper()
	redis = redistest.Start(t)
	a = startNode(t, cluster.Config{ID: "a", Redis: redis.URL()}, httpapi.Options{})
	b = startNode(t, cluster.Config{ID: "b", Redis: redis.URL()}, httpapi.Options{})
	return redis, a, b
}

// TestTwoNodes does something on one node by its API, and looks on the other.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	same := func(method, path string, parts ...string) {
		t.Helper()
		eventually(t, path, func() error {
			for _, api := range []*api{a, b} {
				got := api.ask(method, path, "")
				for _, part := range parts {
					if got.status != 200 || !strings.Contains(got.body, part) {
						return fmt.Errorf("%d %s, want %s", got.status, got.body, part)
					}
				}
			}
			return nil
		})
	}
	first := a.ask("POST", "/publish", `{"topic":"r","event":"e","data":1,"id":"1"}`)
	if again := b.ask("POST", "/publish", `{"topic":"r","event":"e","data":1,"id":"1"}`); again.status != 200 || again.body != strings.Replace(first.body, "false", "true", 1) {
		t.Errorf("%s, then %s", first.body, again.body)
	}
	b.ask("POST", "/publish", `[{"topic":"r","event":"e","data":2},{"topic":"r","event":"e","data":3}]`)
	same("GET", "/topics/r/history?since=1", `"data":2,"seq":2}`, `"data":3,"seq":3}`, `"seq":3,"epoch":`)

	if _, err := presence.Of[string](a.node.Presence(), "r").Join(t.Context(), "ann", "Ann"); err != nil {
		t.Fatal(err)
	}
	same("GET", "/topics/r/presence", `{"count":1,"members":{"ann":"Ann"}}`)
	if err := b.node.Cursors().Move("r", cursor.Mover{Key: "c"}, []byte(`{"x":1}`)); err != nil {
		t.Fatal(err)
	}
	same("GET", "/topics/r/cursors", `{"cursors":[{"key":"c","user":null,"data":{"x":1}}]}`)

	ann := a.join("lobby:1", "ann", "admin")
	b.want("PATCH", "/groups/lobby%3A1", `{"meta":{"title":"five"}}`, 204, "")
	same("GET", "/groups/lobby%3A1", `"members":[{"key":"ann","role":"admin"`, `"meta":{"title":"five"}`)
	b.want("POST", "/groups/lobby%3A1/publish", `{"event":"hello","role":"admin"}`, 204, "")
	b.want("DELETE", "/groups/lobby%3A1", "", 204, "")
	eventually(t, "close", func() error {
		if !ann.has("hello") || !ann.has("close") {
			return fmt.Errorf("heard %v", ann.words())
		}
		return nil
	})
	a.refuses("PATCH", "/groups/lobby%3A1", `{"meta":{"a":"b"}}`, 409, "CLOSED")
	a.want("POST", "/groups/lobby%3A1/reopen", "", 204, "")
	b.want("PATCH", "/groups/lobby%3A1", `{"meta":{"a":"b"}}`, 204, "")

	a.ask("POST", "/limits/mails/x/consume", `{"cost":3}`)
	same("GET", "/limits/mails/x", `"remaining":2`)
	b.want("PUT", "/limits/mails/x/ban", `{"forMs":3600000}`, 204, "")
	same("POST", "/limits/mails/x/consume", `"allowed":false`, `"blocked":true`)
	a.want("DELETE", "/limits/mails/x", "", 204, "")
	same("GET", "/limits/mails/x", `{"allowed":true,"remaining":5,"resetMs":0}`)
}

// TestOutage shows what calls get while Redis is down.
func TestOutage(t *testing.T) {
	t.Parallel()
	redis, a, _ := pair(t)
	redis.Kill()
	for _, c := range [][3]string{
		{"POST", "/publish", `{"topic":"a","event":"e"}`}, {"GET", "/topics/a/history", ""}, {"DELETE", "/topics/a/history", ""},
		{"GET", "/topics/a/presence", ""}, {"GET", "/topics/a/cursors", ""},
		{"GET", "/groups/lobby%3A1", ""}, {"PATCH", "/groups/lobby%3A1", `{"meta":{"a":"b"}}`}, {"DELETE", "/groups/lobby%3A1", ""}, {"POST", "/groups/lobby%3A1/reopen", ""},
		{"GET", "/limits/mails/a", ""}, {"POST", "/limits/mails/a/consume", ""}, {"DELETE", "/limits/mails/a", ""}, {"PUT", "/limits/mails/a/ban", ""}, {"DELETE", "/limits/mails/a/ban", ""},
	} {
		got := a.refuses(c[0], c[1], c[2], 503, "UNAVAILABLE")
		if strings.Contains(got.body, redis.Addr()) {
			t.Errorf("says where Redis is: %s", got.body)
		}
	}
	a.want("POST", "/publish", `{"topic":"live:1","event":"e"}`, 200, `{"duplicate":false}`)
}
