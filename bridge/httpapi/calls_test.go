package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/topic"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	got := a.ask("POST", "/publish", ` {"topic":"room:a/b","event":"said","data":{"text":"hi <b>"}} `)
	if !regexp.MustCompile(`^\{"seq":1,"epoch":"[^"]+","duplicate":false\}$`).MatchString(got.body) || got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", got.header)
	}
	a.want("POST", "/publish", `{"topic":"live:1","event":"said"}`, 200, `{"duplicate":false}`)
	h, err := a.node.Topics().History(t.Context(), "room:a/b", topic.Position{}, 0)
	if err != nil || len(h.Events) != 1 || string(h.Events[0].Data()) != `{"text":"hi <b>"}` {
		t.Errorf("history %v, %v", h, err)
	}
	for body, want := range map[string][2]string{
		`{"topic":"__presence:a","event":"e"}`:               {"INVALID_TOPIC", "topic"},
		`{"topic":"","event":"e"}`:                           {"INVALID_TOPIC", "topic"},
		`{"event":"e"}`:                                      {"INVALID_TOPIC", "topic"},
		`{"topic":"ä","event":"e"}`:                          {"INVALID_TOPIC", "topic"},
		`{"topic":"a","event":""}`:                           {"INVALID_REQUEST", "event"},
		`{"topic":"a","event":"\""}`:                         {"INVALID_REQUEST", "event"},
		`{"topic":"a","event":1}`:                            {"INVALID_REQUEST", "event"},
		`{"topic":"a","event":"e","id":1}`:                   {"INVALID_REQUEST", "id"},
		`{"topic":"a","event":"e","ID":"x"}`:                 {"INVALID_REQUEST", "ID"},
		`{"topic":"a","event":"e","data":{"x":1,"x":1}}`:     {"INVALID_REQUEST", "data.x"},
		`{"topic":"a","event":"e","id":"` + long(129) + `"}`: {"INVALID_REQUEST", "id"},
	} {
		if p := a.refuses("POST", "/publish", body, 400, want[0]).isProblem(t, body, 400, want[0]); p.Field != want[1] {
			t.Errorf("%s: field %q", body, p.Field)
		}
	}
	anyScript := start(t, httpapi.Options{AnyScript: true})
	if got := anyScript.ask("POST", "/publish", `{"topic":"ä","event":"e"}`); got.status != 200 {
		t.Errorf("with AnyScript: %d %s", got.status, got.body)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// TestPublishList shows that each event of a list is answered in its place, and that they are
// kept in order.
func TestPublishList(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	var events []string
	for i := range 256 {
		name := `"room:1"`
		if i%64 == 63 {
			name = `"__no"`
		}
		events = append(events, fmt.Sprintf(`{"topic":%s,"event":"e","data":%d}`, name, i))
	}
	got := a.ask("POST", "/publish", "["+strings.Join(events, ",")+"]")
	var receipts []struct {
		Seq   uint64
		Epoch string
		Error *problem
	}
	if err := json.Unmarshal([]byte(got.body), &receipts); err != nil || got.status != 200 || len(receipts) != 256 {
		t.Fatalf("%d %.200s: %v", got.status, got.body, err)
	}
	seq := uint64(0)
	for i, r := range receipts {
		switch {
		case i%64 == 63:
			if r.Error == nil || r.Error.Code != "INVALID_TOPIC" || r.Error.Detail == "" || r.Error.Status != 0 {
				t.Errorf("%d: %+v", i, r)
			}
		default:
			if seq++; r.Error != nil || r.Seq != seq || r.Epoch == "" {
				t.Errorf("%d: %+v, want seq %d", i, r, seq)
			}
		}
	}
	h, err := a.node.Topics().History(t.Context(), "room:1", topic.Position{}, 0)
	if err != nil || len(h.Events) != 252 {
		t.Fatalf("%d events, %v", len(h.Events), err)
	}
	for i, e := range h.Events {
		if want := i + i/63; string(e.Data()) != fmt.Sprint(want) {
			t.Fatalf("event %d is %s, want %d", i, e.Data(), want)
		}
	}
	a.want("POST", "/publish", "[]", 200, "[]")
	a.refuses("POST", "/publish", "["+strings.Join(append(events, events[0]), ",")+"]", 400, "INVALID_REQUEST")
	// One that is not understood has nothing of the list published.
	if p := a.refuses("POST", "/publish", `[{"topic":"n","event":"e"},{"topic":"n","evnt":"e"}]`, 400, "INVALID_REQUEST").
		isProblem(t, "list", 400, "INVALID_REQUEST"); p.Field != "1.evnt" {
		t.Errorf("field %q", p.Field)
	}
	if head, err := a.node.Topics().Head(t.Context(), "n"); err != nil || head.Seq != 0 {
		t.Errorf("%v %v", head, err)
	}
}

// TestPublishSameID shows that an id counts for the key that used it, and that clients can not
// use it up.
func TestPublishSameID(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{Keys: []httpapi.Key{keyed("one", "k1", "publish"), keyed("two", "k2", "publish")}})
	publish := func(key string) string {
		r := request("POST", "/api/v1/publish", `[{"topic":"r","event":"e","id":"7"}]`)
		r.Header.Set("Authorization", "Bearer "+key)
		return do(a, r).body
	}
	if _, err := a.node.Topics().Publish(t.Context(), "r", topic.Message{Event: "e", ID: "\x1f7"}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		key  string
		tail string
	}{{"k1", `"duplicate":false}]`}, {"k1", `"duplicate":true}]`}, {"k2", `"duplicate":false}]`}, {"k2", `"duplicate":true}]`}} {
		if got := publish(want.key); !strings.HasSuffix(got, want.tail) {
			t.Errorf("%d: %s, want %s", i, got, want.tail)
		}
	}
	if head, err := a.node.Topics().Head(t.Context(), "r"); err != nil || head.Seq != 3 {
		t.Errorf("%v %v", head, err)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	const path = "/topics/short%3Aa%2Fb/history"
	for i := range 5 {
		if _, err := a.node.Topics().Publish(t.Context(), "short:a/b", topic.Message{Event: "e", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	head, err := a.node.Topics().Head(t.Context(), "short:a/b")
	if err != nil {
		t.Fatal(err)
	}
	event := func(seq int) string {
		return fmt.Sprintf(`{"topic":"short:a/b","event":"e","data":%d,"seq":%d}`, seq-1, seq)
	}
	tail := `,"seq":5,"epoch":"` + head.Epoch + `"}`
	all := `{"events":[` + event(3) + "," + event(4) + "," + event(5) + `],"truncated":`
	for query, want := range map[string]string{
		"":                             all + "true" + tail,
		"?since=2":                     all + "false" + tail,
		"?since=2&epoch=" + head.Epoch: all + "false" + tail,
		"?since=4&epoch=other":         all + "true" + tail,
		"?since=9":                     all + "true" + tail,
		"?since=3&limit=1":             `{"events":[` + event(4) + `],"truncated":false` + tail,
		"?since=5":                     `{"events":[],"truncated":false` + tail,
	} {
		a.want("GET", path+query, "", 200, want)
	}
	for query, field := range map[string]string{
		"?since=-1": "since", "?since=1.5": "since", "?since=x": "since", "?since=": "since", "?since=01": "since", "?since=%2B1": "since",
		"?since=9007199254740992": "since", "?since=1&since=2": "since", "?limit=0": "limit", "?limit=1001": "limit", "?limit=a": "limit",
		"?epoch=": "epoch", "?epoch=a%20b": "epoch", "?epoch=" + long(65): "epoch", "?epoch=%C3%A4": "epoch", "?snice=1": "snice",
		"?a;b": "", "?%zz": "", "?" + long(2000): "",
	} {
		if p := a.refuses("GET", path+query, "", 400, "INVALID_REQUEST").isProblem(t, query, 400, "INVALID_REQUEST"); p.Field != field {
			t.Errorf("%s: field %q, want %q", query, p.Field, field)
		}
	}
	// What clients may publish comes back as it was.
	const odd = `{"x":1, "x":"<\u00e4\ud800>", "n":1.00e2}`
	if _, err := a.node.Topics().Publish(t.Context(), "odd", topic.Message{Event: "e", Data: []byte(odd)}); err != nil {
		t.Fatal(err)
	}
	if got := a.ask("GET", "/topics/odd/history", ""); got.status != 200 || !strings.Contains(strings.ReplaceAll(got.body, " ", ""), strings.ReplaceAll(odd, " ", "")) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("HEAD", path, ""); got.status != 200 {
		t.Errorf("HEAD: %d", got.status)
	}
	a.want("DELETE", path, "", 204, "")
	if got := a.ask("GET", path, ""); !strings.HasPrefix(got.body, `{"events":[],"truncated":false,"seq":0,`) || strings.Contains(got.body, head.Epoch+`"`) {
		t.Errorf("after it was cleared: %s", got.body)
	}
	a.refuses("GET", "/topics/live%3A1/history", "", 404, "NOT_FOUND")
	a.refuses("DELETE", "/topics/live%3A1/history", "", 404, "NOT_FOUND")
	a.refuses("DELETE", "/topics/__presence%3Aa/history", "", 400, "INVALID_TOPIC")
}

// TestStopped shows what a call gets when the node is down.
func TestStopped(t *testing.T) {
	t.Parallel()
	a := start(t, httpapi.Options{})
	if err := a.node.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.refuses("POST", "/publish", `{"topic":"a","event":"e"}`, 503, "UNAVAILABLE")
	a.refuses("GET", "/topics/a/presence", "", 503, "UNAVAILABLE")
	a.refuses("GET", "/topics/a/cursors", "", 503, "UNAVAILABLE")
	a.refuses("POST", "/groups/lobby%3A1/publish", `{"event":"e"}`, 503, "UNAVAILABLE")
	a.refuses("POST", "/limits/mails/a/consume", "", 503, "UNAVAILABLE")
	got := a.ask("POST", "/publish", `[{"topic":"a","event":"e"}]`)
	if got.status != 200 || !strings.Contains(got.body, `"code":"UNAVAILABLE"`) || !strings.Contains(got.body, `"retryAfterMs":1000`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestOptionsFaults(t *testing.T) {
	t.Parallel()
	_, hash := httpapi.NewKey()
	_, err := httpapi.New(nil, httpapi.Options{Timeout: -1, Keys: []httpapi.Key{
		{Name: "a", Hash: hash, May: []string{"publish"}},
		{Name: "a", Hash: "md5:1", May: []string{"all"}},
		{Name: "b", Hash: hash},
		{},
	}})
	for _, want := range []string{"Timeout: must be positive", `Keys[1].hash: must be`, `Keys[1].may: "all" is none of`, "Keys[1]: its name",
		"Keys[2].may: lists nothing", "Keys[2]: its name or its hash is there twice", "Keys[3].name: must be 1 to 64", "Keys[3].hash: must be"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("said %v, want %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), hash[7:]) {
		t.Errorf("shows a hash: %v", err)
	}
	if errors.Is(err, httpapi.ErrForbidden) {
		t.Error("is none of those")
	}
}
