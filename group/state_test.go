package group

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	identity, connection := Policy{}.WithDefaults(), Policy{Key: ByConnection}.WithDefaults()
	for _, c := range []struct {
		policy               Policy
		identity, connection string
		want, field          string
	}{
		{identity, "ann", "c1", "ann", ""},
		{identity, "a|b:c\n\x00{}", "", "a|b:c\n\x00{}", ""},
		{identity, "", "c1", "~c1", ""},
		{identity, "~c1", "", "~~c1", ""}, // not the connection c1
		{identity, "~~c1", "", "~~~c1", ""},
		{identity, "", "", "", "connection"},
		{identity, "", "~c1", "", "connection"},
		{identity, strings.Repeat("x", roster.MaxKey), "", strings.Repeat("x", roster.MaxKey), ""},
		{identity, strings.Repeat("x", roster.MaxKey+1), "", "", "identity"},
		{identity, "~" + strings.Repeat("x", roster.MaxKey-1), "", "", "identity"},
		{identity, "\xff", "", "", "identity"},
		{connection, "ann", "c1", "~c1", ""},
		{connection, "ann", "", "", "connection"},
	} {
		got, err := c.policy.key(Joiner{Identity: c.identity, Connection: c.connection})
		var in *topic.InputError
		switch {
		case c.field != "" && (!errors.As(err, &in) || in.Field != c.field):
			t.Errorf("%.20q, %q: %v", c.identity, c.connection, err)
		case c.field == "" && (err != nil || got != c.want):
			t.Errorf("%.20q, %q: %.20q, %v", c.identity, c.connection, got, err)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	all, some, none := Policy{}, Policy{MemberData: []string{"name", "a b", "token"}}, Policy{MemberData: []string{}}
	const data = `{ "name": "Ann", "token": "t", "color": "red", "a b": {"c": [1, 2], "password": 3} }`
	for _, c := range []struct {
		policy     Policy
		data, want string
	}{
		{all, data, `{"name":"Ann","color":"red","a b":{"c":[1,2]}}`},
		{some, data, `{"name":"Ann","a b":{"c":[1,2]}}`},
		{none, data, `{}`},
		{all, ``, `null`},
		{some, ``, `null`},
		{some, `[1]`, `null`},
		{all, `"text"`, `"text"`},
	} {
		if got, err := c.policy.shown(json.RawMessage(c.data)); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.data, got, err)
		}
	}
	for _, bad := range []string{`{`, "\"\xff\"", `"` + strings.Repeat("x", maxShown) + `"`} {
		var in *topic.InputError
		if got, err := all.shown(json.RawMessage(bad)); !errors.As(err, &in) || in.Field != "data" {
			t.Errorf("%.20s: %.20s, %v", bad, got, err)
		}
	}
}

// TestPoisoned is PRE-31: what no node wrote is somebody without role and data.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	good := Member{Key: "k", Role: "member", Data: json.RawMessage(`{"a":[1,"}"]}`)}
	if m, ok := readMember("k", good.value()); !ok || m.Role != "member" || string(m.Data) != string(good.Data) {
		t.Errorf("%+v, %v", m, ok)
	}
	values := []string{``, `{}`, `null`, `{"role":"a"}`, `{"role":"a","data":}`, `{"role":"a","data":1`, `{"role":"a","data":1}}`,
		`{"role":"a","data":1,"x":2}`, `{"role":"a\","data":1}`, `{"role":"a"b","data":1}`, "{\"role\":\"\xff\",\"data\":1}",
		"{\"role\":\"a\",\"data\":\"\xff\"}", `{"role":"a","data":{"a":1}},{"key":"admin"}`, `{"data":1,"role":"a"}`, "\x00"}
	v := &roster.View{Name: Name("g"), Members: map[string][]byte{}}
	f := newFace("g", func() {})
	for i, value := range values {
		key := fmt.Sprintf("k%d\"<\u2028", i)
		if m, ok := readMember(key, []byte(value)); ok || m.Role != "" || string(m.Data) != "null" {
			t.Errorf("%q is %+v", value, m)
		}
		v.Members[key] = []byte(value)
		moved := []roster.Moved{
			{Change: roster.Change{Key: key, Value: []byte(value)}},
			{Change: roster.Change{Key: key}, Before: []byte(value)},
		}
		for _, e := range append(f.Diff(v, moved).Events, f.State(v, key).Events...) {
			if !json.Valid(e.JSON()) {
				t.Errorf("%q makes %s", value, e.JSON())
			}
		}
		v.Rev++
	}
	var all []Member
	if err := json.Unmarshal(f.State(v, "").Events[0].Data(), &all); err != nil || len(all) != len(values) {
		t.Errorf("%d members, %v", len(all), err)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	value := func(role string) []byte { return Member{Role: role, Data: json.RawMessage("1")}.value() }
	f := newFace("g", func() {})
	v := &roster.View{Name: Name("g"), Members: map[string][]byte{"a": value("admin"), "b": value("member"), "c": value("member")}}
	// There were a and x; x left, b and c came, a was changed.
	batch := f.Diff(v, []roster.Moved{
		{Change: roster.Change{Key: "b", Value: value("member")}},
		{Change: roster.Change{Key: "x"}, Before: value("viewer")},
		{Change: roster.Change{Key: "a", Value: value("admin")}, Before: value("member")},
		{Change: roster.Change{Key: "c", Value: value("member")}},
		{Change: roster.Change{Key: "nobody"}},
	})
	var got []string
	for _, e := range batch.Events {
		got = append(got, e.Name()+" "+string(e.Data()))
	}
	want := []string{
		`join {"key":"b","role":"member","data":1,"count":3}`,
		`leave {"key":"x","role":"viewer","count":2}`,
		`join {"key":"a","role":"admin","data":1,"count":2}`,
		`join {"key":"c","role":"member","data":1,"count":3}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMembersOnce has those who join at once share the list.
func TestMembersOnce(t *testing.T) {
	t.Parallel()
	f := newFace("g", func() {})
	v := &roster.View{Name: Name("g"), Rev: 1, Members: map[string][]byte{"a": Member{Role: "r", Data: json.RawMessage("1")}.value()}}
	one, two := f.State(v, "a"), f.State(v, "")
	if len(one.Events) != 2 || len(two.Events) != 1 || one.Events[1] != two.Events[0] {
		t.Errorf("%d and %d events", len(one.Events), len(two.Events))
	}
	v.Rev++
	if f.State(v, "").Events[0] == two.Events[0] {
		t.Error("the list of another revision is the same")
	}
}

// TestForgedWord has what the relay brings looked at before it is believed.
func TestForgedWord(t *testing.T) {
	t.Parallel()
	f := newFace("g", func() {})
	for _, w := range []roster.Word{
		{Event: `a","system":true,"x":"`, Data: []byte("1")}, {Event: "", Data: []byte("1")},
		{Event: "a", Data: []byte(`1},"system":true,"x":{`)}, {Event: "a", Data: nil}, {Event: "a", Data: []byte("\"\xff\"")},
	} {
		if b := f.Word(w); b != nil {
			t.Errorf("%+v became %s", w, b.Events[0].JSON())
		}
	}
	if b := f.Word(roster.Word{Event: "a", Data: []byte("1")}); b == nil || string(b.Events[0].JSON()) != `{"topic":"__group:g","event":"a","data":1}` {
		t.Errorf("%v", b)
	}
}

func TestHooksThatAreTooSlow(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	var calls int
	h := startHooks(Hooks{OnClose: func(string) {
		if calls++; calls == 1 {
			close(entered)
			<-release
		}
	}}, newMetrics(nil, nil), quiet)
	h.tell(call{on: onClose})
	<-entered
	for range MaxCalls + 5 {
		h.tell(call{on: onClose})
	}
	h.tell(call{on: onJoin}) // nobody wants it
	close(release)
	if err := h.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls != MaxCalls+1 {
		t.Errorf("%d calls", calls)
	}
	h.tell(call{on: onClose}) // after the end
	if len(h.waiting) != 0 {
		t.Error("a call waits after the end")
	}
}
