package httpapi_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/presence"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	a.want("GET", "/topics/room%3A1/presence", "", 200, `{"count":0,"members":{}}`)
	room := presence.Of[map[string]string](a.node.Presence(), "room:1")
	for _, name := range []string{"bob", "a \"b\" <c>"} {
		if _, err := room.Join(t.Context(), name, map[string]string{"name": name, "password": "hunter2"}); err != nil {
			t.Fatal(err)
		}
	}
	got := a.ask("GET", "/topics/room%3A1/presence", "")
	var said struct {
		Count   int
		Members map[string]map[string]string
	}
	if err := json.Unmarshal([]byte(got.body), &said); err != nil || said.Count != 2 || len(said.Members) != 2 ||
		said.Members["bob"]["name"] != "bob" || said.Members[`a "b" <c>`]["name"] != `a "b" <c>` || strings.Contains(got.body, "hunter2") {
		t.Errorf("%s: %v", got.body, err)
	}
	for i := range 20 {
		if _, err := presence.Of[int](a.node.Presence(), "room:2").Join(t.Context(), fmt.Sprintf("u%02d", i), i); err != nil {
			t.Fatal(err)
		}
	}
	keys := regexp.MustCompile(`u\d\d`).FindAllString(a.ask("GET", "/topics/room%3A2/presence", "").body, -1)
	if len(keys) != 20 || !slices.IsSorted(keys) {
		t.Errorf("keys %v", keys)
	}
	a.refuses("GET", "/topics/live%3A1/presence", "", 404, "NOT_FOUND")
	a.refuses("GET", "/topics/__a/presence", "", 400, "INVALID_TOPIC")
	a.refuses("GET", "/topics/room%3A1/presence?since=1", "", 400, "INVALID_REQUEST")
}

func TestCursors(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	a.want("GET", "/topics/room%3A1/cursors", "", 200, `{"cursors":[]}`)
	for _, key := range []string{"b", "a"} {
		if err := a.node.Cursors().Move("room:1", cursor.Mover{Key: key, User: json.RawMessage(`{"name":"Ann"}`)}, json.RawMessage(`{"x":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	const want = `{"cursors":[{"key":"a","user":{"name":"Ann"},"data":{"x":1}},{"key":"b","user":{"name":"Ann"},"data":{"x":1}}]}`
	eventually(t, "cursors", func() error { // they move when Move has returned
		if got := a.ask("GET", "/topics/room%3A1/cursors", ""); got.body != want {
			return fmt.Errorf("%s, want %s", got.body, want)
		}
		return nil
	})
	a.refuses("GET", "/topics/live%3A1/cursors", "", 404, "NOT_FOUND")
	a.refuses("GET", "/topics/a%22b/cursors", "", 400, "INVALID_TOPIC")
}

func TestGroups(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	const lobby = "/groups/lobby%3A1"
	a.want("GET", lobby, "", 200, `{"count":0,"members":[],"meta":{}}`)
	ann, bob := a.join("lobby:1", "ann", "admin"), a.join("lobby:1", "bob", "")
	a.want("PATCH", lobby, `{"meta":{"title":"Fünf","n":"1"}}`, 204, "")
	a.want("PATCH", lobby, `{"meta":{"n":"2"}}`, 204, "")
	a.want("GET", lobby, "", 200, `{"count":2,"members":[{"key":"ann","role":"admin","data":{"name":"ann"}},`+
		`{"key":"bob","role":"member","data":{"name":"bob"}}],"meta":{"n":"2","title":"Fünf"}}`)
	for _, body := range []string{`{"event":"toAdmin","data":1,"role":"admin"}`, `{"event":"toBob","member":"bob"}`,
		`{"event":"toBoth","data":{},"role":"admin","member":"bob"}`, `{"event":"toAll","data":[1]}`} {
		a.want("POST", lobby+"/publish", body, 204, "")
	}
	eventually(t, "toAll", func() error {
		if !ann.has("toAll") || !bob.has("toAll") {
			return fmt.Errorf("ann heard %v, bob %v", ann.words(), bob.words())
		}
		return nil
	})
	if !ann.has("toAdmin") || ann.has("toBob") || !ann.has("toBoth") || bob.has("toAdmin") || !bob.has("toBob") || !bob.has("toBoth") {
		t.Errorf("ann heard %v, bob %v", ann.words(), bob.words())
	}
	a.refuses("POST", lobby+"/publish", `{"event":"e","role":"owner"}`, 400, "INVALID_ROLE")
	a.refuses("POST", lobby+"/publish", `{"event":"e","role":""}`, 400, "INVALID_ROLE")
	a.refuses("POST", lobby+"/publish", `{"event":"e","member":"eve"}`, 404, "NOT_MEMBER")
	a.refuses("POST", lobby+"/publish", `{"event":"e","member":""}`, 404, "NOT_MEMBER")
	a.refuses("POST", lobby+"/publish", "", 400, "INVALID_REQUEST")
	a.refuses("PATCH", lobby, "", 400, "INVALID_REQUEST")
	a.refuses("PATCH", lobby, `{"meta":null}`, 400, "INVALID_REQUEST")
	a.refuses("PATCH", lobby, `{"meta":{"a":1}}`, 400, "INVALID_REQUEST")
	a.refuses("PATCH", lobby, `{"meta":{"":"x"}}`, 400, "INVALID_REQUEST")
	a.want("PATCH", lobby, `{"meta":{}}`, 204, "")
	for _, path := range []string{"/groups/other", "/groups/lobby"} {
		a.refuses("GET", path, "", 404, "NOT_FOUND")
		a.refuses("DELETE", path, "", 404, "NOT_FOUND")
	}
	a.refuses("GET", "/groups/__lobby", "", 400, "INVALID_TOPIC")
	a.want("DELETE", lobby, "", 204, "")
	a.want("GET", lobby, "", 200, `{"count":0,"members":[],"meta":{}}`)
	a.refuses("POST", lobby+"/publish", `{"event":"e"}`, 409, "CLOSED")
	a.refuses("PATCH", lobby, `{"meta":{"a":"b"}}`, 409, "CLOSED")
	a.want("POST", lobby+"/reopen", "", 204, "")
	a.join("lobby:1", "eve", "")
	a.want("POST", lobby+"/publish", `{"event":"e","member":"eve"}`, 204, "")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	const ann = "/limits/mails/identity%3Aann%2F1"
	standing := func(method, path, body string) (s struct {
		Allowed, Blocked bool
		Remaining        int
		ResetMS          int64 `json:"resetMs"`
		RetryAfterMS     int64 `json:"retryAfterMs"`
	}) {
		t.Helper()
		got := a.ask(method, path, body)
		if err := json.Unmarshal([]byte(got.body), &s); err != nil || got.status != 200 {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
		}
		return s
	}
	a.want("GET", ann, "", 200, `{"allowed":true,"remaining":5,"resetMs":0}`)
	if s := standing("POST", ann+"/consume", ""); !s.Allowed || s.Remaining != 4 || s.ResetMS <= 0 || s.ResetMS > 3600_000 {
		t.Errorf("%+v", s)
	}
	if s := standing("POST", ann+"/consume", `{"cost":3}`); !s.Allowed || s.Remaining != 1 {
		t.Errorf("%+v", s)
	}
	if s := standing("POST", ann+"/consume", `{"cost":2}`); s.Allowed || s.Remaining != 1 || s.RetryAfterMS <= 0 || s.Blocked {
		t.Errorf("%+v", s)
	}
	if result, err := a.node.Limits().Peek(t.Context(), "mails", "identity:ann/1"); err != nil || result.Remaining != 1 {
		t.Errorf("%+v %v", result, err)
	}
	a.want("DELETE", ann, "", 204, "")
	a.want("GET", ann, "", 200, `{"allowed":true,"remaining":5,"resetMs":0}`)
	a.want("PUT", ann+"/ban", `{"forMs":60000}`, 204, "")
	if s := standing("POST", ann+"/consume", `{"cost":1}`); s.Allowed || !s.Blocked || s.ResetMS <= 0 || s.ResetMS > 60_000 {
		t.Errorf("%+v", s)
	}
	a.want("DELETE", ann+"/ban", "", 204, "")
	if s := standing("POST", ann+"/consume", `{}`); !s.Allowed || s.Remaining != 4 {
		t.Errorf("%+v", s)
	}
	a.want("PUT", "/limits/strict/x/ban", "", 204, "") // for as long as the policy blocks
	if s := standing("GET", "/limits/strict/x", ""); s.Allowed || s.ResetMS < (59*time.Minute).Milliseconds() {
		t.Errorf("%+v", s)
	}
	for _, call := range [][2]string{{"GET", ""}, {"DELETE", ""}, {"POST", "/consume"}, {"PUT", "/ban"}, {"DELETE", "/ban"}} {
		a.refuses(call[0], "/limits/nope/x"+call[1], "", 404, "NOT_FOUND")
		a.refuses(call[0], "/limits/mails/"+long(513)+call[1], "", 400, "INVALID_REQUEST")
	}
	for body, field := range map[string]string{`{"cost":0}`: "cost", `{"cost":-1}`: "cost", `{"cost":6}`: "cost", `{"cost":1.5}`: "cost",
		`{"cost":"1"}`: "cost", `{"cost":99999999999999999999}`: "cost", `{"costs":1}`: "costs", `[1]`: "", `1`: "", `{"cost":1}{}`: ""} {
		if p := a.refuses("POST", ann+"/consume", body, 400, "INVALID_REQUEST").isProblem(t, body, 400, "INVALID_REQUEST"); p.Field != field {
			t.Errorf("%s: field %q", body, p.Field)
		}
	}
	for _, body := range []string{`{"forMs":-1}`, `{"forMs":1e3}`, `{"forMs":9223372036854775807}`, `{"forMs":"1m"}`, `{"for":1}`} {
		a.refuses("PUT", ann+"/ban", body, 400, "INVALID_REQUEST")
	}
}
