package roster

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	changes := []Change{{Key: "a b\n+1 1", Value: []byte(`{"x":"\n"}`)}, {Key: "é"}, {Key: strings.Repeat("k", MaxKey), Value: []byte("0")}}
	f, err := parseFrame(AppendChange([]byte{}, "epoch", 7, changes))
	if err != nil || f.kind != frameChange || f.epoch != "epoch" || f.version != 7 || !reflect.DeepEqual(f.changes, changes) {
		t.Errorf("change: %+v, %v", f, err)
	}
	for _, epoch := range []string{"epoch", ""} {
		if f, err = parseFrame(AppendClosed(nil, epoch)); err != nil || f.kind != frameClosed || f.epoch != epoch {
			t.Errorf("closed: %+v, %v", f, err)
		}
	}
	for _, w := range []Word{{Tag: "admin", Key: "a b", Event: "e v", Data: []byte("1")}, {Event: "e", Data: []byte{}}} {
		if f, err = parseFrame(appendWord(nil, "n~1", 9, w)); err != nil || f.kind != frameWord || f.node != "n~1" || f.number != 9 || !reflect.DeepEqual(f.word, w) {
			t.Errorf("word: %+v, %v", f, err)
		}
	}
}

func TestFramesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, b := range []string{
		"", "R", "R e 1 1", "R e 1 1\n", "R e 0 1\n-1\na", "R  1 1\n-1\na", "R e 1 2\n-1\na", "R e 1 1\n-1\nab", "R e 1 1\n-0\n",
		"R e 1 1\n+1 0\na", "R e 1 1\n+1 2\na1", "R e 1 1\n+1\na", "R e 1 1\n-1 1\na1", "R e 1 1\n*1\na", "R e 1 99999999\n-1\na",
		"R e 1 1\n-99999999999\na", "C\n", "C e\nx", "C e f\n", "W n 1 0 0 1 1\ne", "W n x 0 0 1 1\ne1", "W  1 0 0 1 1\ne1", "W n 1 0 0 1 1\ne12",
		"X e\n", "RR e 1 1\n-1\na",
	} {
		if f, err := parseFrame([]byte(b)); err == nil {
			t.Errorf("%q is read as %+v", b, f)
		}
	}
}

// What a line of a megabyte costs is bounded by the line.
func TestFrameMemory(t *testing.T) {
	b := append(bytes.Repeat([]byte{' '}, 1<<20), '\n')
	r := testing.Benchmark(func(bench *testing.B) {
		bench.ReportAllocs()
		for bench.Loop() {
			_, _ = parseFrame(b)
		}
	})
	if got := r.AllocedBytesPerOp(); got > 1<<10 {
		t.Errorf("%d bytes for nothing", got)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(AppendChange(nil, "e", 1, []Change{{Key: "a", Value: []byte("1")}, {Key: "b"}}))
	f.Add(AppendClosed(nil, "e"))
	f.Add(appendWord(nil, "n~1", 1, Word{Tag: "t", Key: "k", Event: "e", Data: []byte("1")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := parseFrame(b)
		if err != nil {
			return
		}
		total := 0
		for _, c := range in.changes {
			total += len(c.Key) + len(c.Value)
		}
		if w := in.word; total+len(w.Tag)+len(w.Key)+len(w.Event)+len(w.Data) > len(b) || len(in.changes) > len(b) {
			t.Fatalf("%q has more in it than it is long", b)
		}
		var again []byte
		switch in.kind {
		case frameChange:
			again = AppendChange(nil, in.epoch, in.version, in.changes)
		case frameClosed:
			again = AppendClosed(nil, in.epoch)
		case frameWord:
			again = appendWord(nil, in.node, in.number, in.word)
		}
		out, err := parseFrame(again)
		if err != nil || fmt.Sprint(in) != fmt.Sprint(out) {
			t.Fatalf("%q: %v, then %v (%v)", b, in, out, err)
		}
	})
}
