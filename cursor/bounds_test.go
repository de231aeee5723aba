package cursor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, cursor.Config{Policies: []cursor.Policy{
			{Match: "off:*", Off: true},
			{Match: "panics", Select: func(json.RawMessage) json.RawMessage { panic("no") }},
			{Match: "garbage", Select: func(json.RawMessage) json.RawMessage { return json.RawMessage("{") }},
			{Match: "room", MaxData: 10},
		}})
		for name, c := range map[string]struct {
			topic, key, data, field string
			err                     error
		}{
			"off":              {"off:1", "k", "1", "", cursor.ErrOff},
			"no policy":        {"other", "k", "1", "", cursor.ErrOff},
			"system topic":     {"__room", "k", "1", "", cursor.ErrOff},
			"no topic":         {"", "k", "1", "topic", nil},
			"no key":           {"room", "", "1", "key", nil},
			"long key":         {"room", strings.Repeat("k", 257), "1", "key", nil},
			"key not UTF-8":    {"room", "\xff", "1", "key", nil},
			"not JSON":         {"room", "k", "{", "data", nil},
			"no data":          {"room", "k", "", "data", nil},
			"data not UTF-8":   {"room", "k", "\"\xff\"", "data", nil},
			"too large":        {"room", "k", `"123456789"`, "data", nil},
			"select panics":    {"panics", "k", "1", "user", nil},
			"select's garbage": {"garbage", "k", "1", "user", nil},
		} {
			err := b.Move(c.topic, cursor.Mover{Key: c.key}, []byte(c.data))
			in, ok := errors.AsType[*cursor.InputError](err)
			if c.err != nil && !errors.Is(err, c.err) || c.field != "" && (!ok || in.Field != c.field) {
				t.Errorf("%s: %v", name, err)
			}
		}
		v := newViewer()
		if err := b.Attach("off:1", v, v); !errors.Is(err, cursor.ErrOff) {
			t.Errorf("attach: %v", err)
		}
		if _, err := b.List(t.Context(), "off:1"); !errors.Is(err, cursor.ErrOff) {
			t.Errorf("list: %v", err)
		}
		if err := b.Detach("room", v, v); err != nil {
			t.Errorf("detach: %v", err)
		}
		pass(time.Second)
		wantHeard(t, "who was not there", v, "left")
	})
}

func TestBounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, cursor.Config{})
		for i := range cursor.MaxCursors {
			move(t, b, "many", fmt.Sprint(i), "1")
		}
		if err := b.Move("many", cursor.Mover{Key: "more"}, []byte("1")); !errors.Is(err, cursor.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		pass(time.Second)
		if err := b.Move("many", cursor.Mover{Key: "more"}, []byte("1")); !errors.Is(err, cursor.ErrFull) {
			t.Errorf("one more, later: %v", err)
		}
		remove(t, b, "many", "7")
		pass(time.Second)
		move(t, b, "many", "more", "1")
		large := []byte(`"` + strings.Repeat("x", 8000) + `"`)
		n := 0
		var err error
		for ; err == nil; n++ {
			err = b.Move("bytes", cursor.Mover{Key: fmt.Sprint(n)}, large)
		}
		if !errors.Is(err, cursor.ErrFull) || n < cursor.MaxBoardBytes/8100 || n > cursor.MaxBoardBytes/8000+1 {
			t.Errorf("after %d: %v", n, err)
		}
		move(t, b, "bytes", "0", "1") // smaller is fine
		v := watch(t, b, "bytes")
		pass(time.Second)
		if got := len(v.sees()); got != n-1 {
			t.Errorf("%d of %d are seen", got, n-1)
		}
	})
}
