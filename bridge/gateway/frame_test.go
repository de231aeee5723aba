package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/topic"
)

// frames is the seed of FuzzFrame: every frame of the protocol, and what clients
// get wrong.
var frames = []string{
	`{"type":"hello","caps":["batch"]}`, `{"type":"subscribe","topic":"a","ref":1,"since":7,"epoch":"x"}`,
	`{"type":"subscribe-batch","topics":["a","b"],"ref":"r"}`, `{"type":"unsubscribe","topic":"a"}`,
	`{"type":"resume","sessionId":"s","lastSeenSeqs":{"a":1,"b":2},"epochs":{"a":"x"}}`,
	`{"type":"publish","topic":"a","event":"e","data":{"x":[1,null,"\u00e9"]},"ref":1,"id":"i"}`,
	`{"type":"replay","topic":"a","since":0,"reqId":5}`, `{"type":"reply","ref":1,"data":[]}`, `{"type":"reply","ref":1,"error":"m"}`,
	`{"type":"cursor","topic":"a","data":{"x":1.5}}`, `{"type":"cursor","topic":"a","position":[1,2]}`, `{"type":"cursor","topic":"a","data":null}`,
	`{"type":"cursor-snapshot","topic":"a"}`, `{"type":"presence","topic":"a","ref":1}`, `{"type":"join","group":"g","role":"admin","ref":"r"}`,
	`{"type":"join","group":7,"role":[]}`, `{"type":"leave","group":"g"}`, `{"type":"unsubscribe","topic":"__presence:a"}`,
	" {\n\"topic\" : \"\\u0061\" , \"type\":\"subscribe\" } ", `{"typ\u0065":"hello"}`, `{"type":null}`, `{"type":"hello","caps":null}`,
	`nonsense`, ``, `[]`, `{}`, `"x"`, `{"type":"subscribe","topic":"a","since":-1}`, `{"type":"subscribe","topic":"a","since":1e2}`,
	`{"a":1,"a":2}`, `{"type":"hello"}x`, `{"topic":"\ud800"}`, strings.Repeat(`{"a":`, 300), strings.Repeat("[", 300), "{\"\xff\":1}",
}

// FuzzFrame feeds the parser, and asks every question that a handler asks. What
// it accepts must be JSON to encoding/json as well, its data must be a part of
// the message, and what it refuses must say why.
func FuzzFrame(f *testing.F) {
	for _, s := range frames {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		p := parsers.Get().(*parser)
		defer parsers.Put(p)
		frame, err := p.parse(msg)
		var fe *frameError
		if err != nil {
			if !errors.As(err, &fe) || fe.rule == "" {
				t.Fatalf("refused without a rule: %v", err)
			}
			return
		}
		if !json.Valid(msg) {
			t.Fatalf("accepted what is no JSON: %q", msg)
		}
		if data := frame.raw[fieldData]; data != nil && (!json.Valid(data) || !bytes.Contains(msg, data)) {
			t.Fatalf("data is %q", data)
		}
		seq, _, ok, err := frame.since()
		if ok && fmt.Sprint(seq) != string(frame.raw[fieldSince]) && err == nil {
			t.Fatalf("since %s became %d", frame.raw[fieldSince], seq)
		}
		id, err := frame.id()
		if err == nil && len(id) > 128 {
			t.Fatalf("id of %d bytes", len(id))
		}
		_, _ = frame.ref(fieldRef)
		_, _ = frame.text(fieldTopic)
		_, _ = frame.text(fieldGroup)
		_, _ = frame.text(fieldRole)
		if ref := frame.anyRef(); len(ref) > maxRef {
			t.Fatalf("ref of %d bytes", len(ref))
		}
		if at := frame.position(); at != nil && (!json.Valid(at) || string(at) == "null") {
			t.Fatalf("position is %q", at)
		}
		_, _ = p.list(fieldTopics)
		_, _ = p.places()
		_, _ = p.caps()
		if !bytes.Equal(msg, before) {
			t.Fatal("the message was changed")
		}
	})
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := &parser{dec: parsers.Get().(*parser).dec}
	f, err := p.parse([]byte(" {\n\"own\": {\"topic\": 1}, \"data\" : [1, 2] , \"topic\" : \"\\u0061\\/\" , \"type\":\"publish\", \"ref\": null } "))
	if err != nil || f.kind != kindPublish || string(f.raw[fieldData]) != "[1, 2]" || f.raw[fieldRef] != nil {
		t.Fatalf("got %+v, %v", f, err)
	}
	if name, err := f.text(fieldTopic); err != nil || string(name) != "a/" {
		t.Fatalf("got %q, %v", name, err)
	}
}

// TestDepth: brackets in strings do not count.
func TestDepth(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{`{"a":[1,[2]]}`: 3, `"[[[["`: 0, `["\"[["]`: 1, `"\\"[`: 1, `]]]`: 0, `"open`: 0, `"\`: 0} {
		if got := depth([]byte(s)); got != want {
			t.Errorf("%s: got %d, want %d", s, got, want)
		}
	}
}

// TestFraming goes over the sizes at which the header changes.
func TestFraming(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("x"), n)
		want := appendText([]byte("before"), payload)
		b, m := begin([]byte("before"))
		got := end(append(b, payload...), m)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: begin and end differ from appendText", n)
		}
		frame := want[len("before"):]
		if frameSize(frame) != len(frame) || headerSize(n)+n != len(frame) {
			t.Errorf("%d bytes: sizes %d and %d, want %d", n, frameSize(frame), headerSize(n)+n, len(frame))
		}
	}
}

func BenchmarkParsePublish(b *testing.B) {
	msg := fmt.Appendf(nil, `{"type":"publish","topic":"room:42","event":"created","data":{"text":"%0190d"},"ref":17}`, 1)
	p := parsers.Get().(*parser)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.parse(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	events := make([]*topic.Event, 64)
	for i := range events {
		events[i] = event("room:42", i)
	}
	b.Run("plain", func(b *testing.B) {
		buf := make([]byte, 0, chunkBytes)
		b.ReportAllocs()
		for b.Loop() {
			buf = appendPlain(buf[:0], events)
		}
	})
	b.Run("batch", func(b *testing.B) {
		buf := make([]byte, 0, chunkBytes)
		b.ReportAllocs()
		for b.Loop() {
			buf = appendBatch(buf[:0], events)
		}
	})
}
