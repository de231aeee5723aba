package cursor

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func someFrame() frame {
	return frame{node: "a", life: "a.1", incarnation: 7, number: 9, entries: []Entry{
		{Key: "k1", Number: 1, User: []byte(`{"n":1}`), Data: []byte("[1]"), Life: "a.1"},
		{Key: "k\n2", Number: maxNumber, Life: "a.1"},
	}}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	for _, f := range []frame{someFrame(), {node: "ä", life: "l", number: 1}} {
		got, err := decodeFrame(f.encode())
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%+v became %+v, %v", f, got, err)
		}
	}
	if f := someFrame(); !bytes.HasPrefix(f.encode(), appendHead(nil, "a")) || bytes.HasPrefix(f.encode(), appendHead(nil, "ab")) {
		t.Error("a node does not know its own frames")
	}
}

func TestForgedFrames(t *testing.T) {
	t.Parallel()
	forge := func(change func(f *frame)) []byte {
		f := someFrame()
		change(&f)
		return f.encode()
	}
	whole := forge(func(*frame) {})
	for name, b := range map[string][]byte{
		"empty":          {},
		"version":        append([]byte{2}, whole[1:]...),
		"no node":        forge(func(f *frame) { f.node = "" }),
		"long life":      forge(func(f *frame) { f.life = strings.Repeat("l", 300) }),
		"node not UTF-8": forge(func(f *frame) { f.node = "\xff" }),
		"number 0":       forge(func(f *frame) { f.number = 0 }),
		"no key":         forge(func(f *frame) { f.entries[0].Key = "" }),
		"long key":       forge(func(f *frame) { f.entries[0].Key = strings.Repeat("k", 257) }),
		"key not UTF-8":  forge(func(f *frame) { f.entries[0].Key = "\xff" }),
		"entry 0":        forge(func(f *frame) { f.entries[0].Number = 0 }),
		"beyond 2^53":    forge(func(f *frame) { f.entries[0].Number = maxNumber + 1 }),
		"data not JSON":  forge(func(f *frame) { f.entries[0].Data = []byte("{") }),
		"no data":        forge(func(f *frame) { f.entries[0].Data = []byte{} }),
		"user not JSON":  forge(func(f *frame) { f.entries[0].User = []byte(`{"a":1},"b":2`) }),
		"large data":     forge(func(f *frame) { f.entries[0].Data = []byte(`"` + strings.Repeat("x", maxData) + `"`) }),
		"large user":     forge(func(f *frame) { f.entries[0].User = []byte(`"` + strings.Repeat("x", MaxUser) + `"`) }),
		"many entries":   forge(func(f *frame) { f.entries = make([]Entry, MaxEntries+1) }),
		"cut off":        whole[:len(whole)-1],
		"trailing":       append(bytes.Clone(whole), 0),
		"other kind":     bytes.Replace(whole, []byte("+"), []byte("*"), 1),
	} {
		if f, err := decodeFrame(b); err == nil {
			t.Errorf("%s: taken as %+v", name, f)
		}
	}
}

func FuzzFrame(f *testing.F) {
	whole := someFrame()
	f.Add(whole.encode())
	f.Add([]byte{frameVersion, 1, 'a', 1, 'l', 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFrame(b)
		if err != nil {
			return
		}
		again, err := decodeFrame(got.encode())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
		g := newGame(Policy{})
		for _, e := range got.entries {
			g.merge(t0, e, time.Minute, false)
		}
		if fault := g.fault(); fault != "" {
			t.Fatal(fault)
		}
		for _, e := range g.snapshotEvents("__cursor:t") {
			if !validJSON(e.JSON()) {
				t.Fatalf("%s", e.JSON())
			}
		}
	})
}
