package topic

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func sampleFrame() frame {
	return frame{node: "a", incarnation: 7, number: 3, epoch: "x", head: 1<<62 + 1, events: []Record{
		{Seq: 1 << 62, At: time.UnixMilli(5), Name: "created", Data: []byte(`{"a":1}`)},
		{Seq: 1<<62 + 1, At: time.UnixMilli(-5), Name: "ü", Data: []byte("null")},
	}}
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	want := sampleFrame()
	got, err := decodeFrame(want.encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A frame without history can say that one before it is lost; with history it
// can say only where the topic stands.
func TestFrameGap(t *testing.T) {
	t.Parallel()
	for _, want := range []frame{
		{node: "a", incarnation: 7, number: 3, gap: true},
		{node: "a", incarnation: 7, number: 3, gap: true, events: []Record{{At: time.UnixMilli(5), Name: "e", Data: []byte("1")}}},
		{node: "a", epoch: "x", head: 9},
	} {
		got, err := decodeFrame(want.encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestFrameRefused(t *testing.T) {
	t.Parallel()
	change := func(f func(*frame)) []byte { s := sampleFrame(); f(&s); return s.encode() }
	good := change(func(*frame) {})
	for name, b := range map[string][]byte{
		"nothing":             {},
		"another version":     append([]byte{9}, good[1:]...),
		"cut off":             good[:len(good)-1],
		"something behind":    append(bytes.Clone(good), 0),
		"no run":              good[:len(FrameHead("a"))],
		"events after head":   append(append(FrameHead("a"), "x 10 0 0\nx 10 0 1\n"...), 1, 'a', 1, '1'),
		"two epochs":          append(bytes.Clone(good), appendLine(nil, "y", 1, time.UnixMilli(0), 0)...),
		"a line without end":  bytes.ReplaceAll(good, []byte("\n"), []byte(" ")),
		"numbers past 2^64":   append(FrameHead("a"), "x 18446744073709551615 0 2\n\x01a\x011\x01a\x011"...),
		"no node":             change(func(f *frame) { f.node = "" }),
		"no number at all":    change(func(f *frame) { f.number, f.epoch = 0, ""; f.events = nil }),
		"data is not JSON":    change(func(f *frame) { f.events[0].Data = []byte("{") }),
		"data is not UTF-8":   change(func(f *frame) { f.events[0].Data = []byte("\"\xff\"") }),
		"event with a quote":  change(func(f *frame) { f.events[0].Name = `a"b` }),
		"seq without epoch":   change(func(f *frame) { f.epoch = "" }),
		"epoch without seq":   change(func(f *frame) { f.events[0].Seq = 0 }),
		"text beyond the end": {frameVersion, 0xff, 0xff, 0xff, 0xff, 0x7f, 'a'},
	} {
		if _, err := decodeFrame(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzFrame(f *testing.F) {
	s := sampleFrame()
	f.Add(s.encode())
	f.Add([]byte{frameVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFrame(b)
		if err != nil {
			return
		}
		again, err := decodeFrame(got.encode())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}
