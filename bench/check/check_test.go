package check_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/troupe-rt/troupe/bench/check"
)

func TestPayloadIsJSONOfTheSizeAskedFor(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, check.MinPayload, 200, 5000} {
		b := check.AppendPayload(nil, check.Mark{Publisher: 3, Number: 7, At: 1 << 40}, size)
		if len(b) != max(size, check.MinPayload) || !json.Valid(b) {
			t.Errorf("size %d: got %d bytes, %s", size, len(b), b)
		}
	}
}

func TestScanFindsEveryMark(t *testing.T) {
	t.Parallel()
	want := []check.Mark{{1, 1, 5}, {255, 1<<32 - 1, 1<<48 - 1}, {0, 0, 0}}
	var message []byte
	for _, m := range want {
		message = append(message, `{"push":{"data":`...)
		message = check.AppendPayload(message, m, 200)
		message = append(message, "}}\n"...)
	}
	var got []check.Mark
	if n := check.Scan(message, func(m check.Mark) { got = append(got, m) }); n != len(want) || !slices.Equal(got, want) {
		t.Errorf("found %d: %v, want %v", n, got, want)
	}
	for name, other := range map[string]string{
		"nothing":     "",
		"no mark":     `{"type":"published","ref":1}`,
		"cut":         `{"m":"@abc`,
		"not a digit": `{"m":"@aaaaaaaaaaaaaaaaaaaaaz","p":""}`,
		"upper case":  `{"m":"@AAAAAAAAAAAAAAAAAAAAAA","p":""}`,
	} {
		if n := check.Scan([]byte(other), func(check.Mark) {}); n != 0 {
			t.Errorf("%s: found %d", name, n)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(uint8(1), uint32(2), uint64(3), []byte("before"), []byte("after"))
	f.Add(uint8(0), uint32(0), uint64(0), []byte(`{"m":"@`), []byte(`{"m":"@aa`))
	f.Fuzz(func(t *testing.T, publisher uint8, number uint32, at uint64, before, after []byte) {
		want := check.Mark{Publisher: publisher, Number: number, At: at & (1<<48 - 1)}
		if bytes.Contains(before, []byte("@")) || bytes.Contains(after, []byte("@")) {
			check.Scan(append(before, after...), func(check.Mark) {}) // must not panic
			return
		}
		message := append(check.AppendPayload(slices.Clone(before), want, 60), after...)
		n := check.Scan(message, func(got check.Mark) {
			if got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
		})
		if n != 1 {
			t.Fatalf("found %d marks", n)
		}
	})
}

func TestOrderTellsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrive []uint32
		sent   uint32
		want   check.Faults
	}{
		"all well":              {[]uint32{1, 2, 3}, 3, check.Faults{}},
		"nothing came":          {nil, 3, check.Faults{Lost: 3}},
		"loss at the start":     {[]uint32{2, 3}, 3, check.Faults{Lost: 1}},
		"loss in between":       {[]uint32{1, 3}, 3, check.Faults{Lost: 1}},
		"loss at the end":       {[]uint32{1, 2}, 3, check.Faults{Lost: 1}},
		"double":                {[]uint32{1, 2, 2, 3}, 3, check.Faults{Duplicated: 1}},
		"double, late":          {[]uint32{1, 2, 3, 1}, 3, check.Faults{Duplicated: 1}},
		"swap":                  {[]uint32{1, 3, 2, 4}, 4, check.Faults{Reordered: 1}},
		"swap, then a double":   {[]uint32{1, 3, 2, 2}, 3, check.Faults{Reordered: 1, Duplicated: 1}},
		"loss, double and swap": {[]uint32{2, 4, 3, 4}, 5, check.Faults{Lost: 2, Duplicated: 1, Reordered: 1}},
	} {
		o := check.NewOrder(2, 2)
		for _, n := range c.arrive {
			o.See(1, check.Mark{Publisher: 1, Number: n})
		}
		o.End(1, 1, c.sent)
		if got := o.Faults(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestOrderKeepsPairsApart(t *testing.T) {
	t.Parallel()
	o := check.NewOrder(3, 2)
	o.StartAfter(2, 0, 10)
	o.See(2, check.Mark{Publisher: 0, Number: 11})
	o.See(2, check.Mark{Publisher: 1, Number: 1})
	o.See(0, check.Mark{Publisher: 0, Number: 1})
	if got := o.Faults().Total(); got != 0 {
		t.Errorf("%d faults: %+v", got, o.Faults())
	}
	o.See(0, check.Mark{Publisher: 9, Number: 1})
	if got := o.Faults(); got.Duplicated != 1 {
		t.Errorf("an unknown publisher: %+v", got)
	}
}
