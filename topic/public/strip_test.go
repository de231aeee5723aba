package public_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic/public"
)

func TestCases(t *testing.T) {
	t.Parallel()
	t.Run("PRE-09 secrets are dropped, the rest is kept", func(t *testing.T) {
		t.Parallel()
		const in = `{"id":"u1","__x":1,"remoteAddress":"10.0.0.1","name":"Ann","a":{"b":[{"accessToken":"t","c":1}]},` +
			`"PASSWORD":"p","cookie":{"x":1},"color":"red"}`
		const want = `{"id":"u1","name":"Ann","a":{"b":[{"c":1}]},"color":"red"}`
		if got := string(public.Strip([]byte(in))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestStrip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                             `{}`,
		`[]`:                                             `[]`,
		`"token"`:                                        `"token"`,
		`{"token":1}`:                                    `{}`,
		`{"token":1,"a":2}`:                              `{"a":2}`,
		`{"a":1,"token":2}`:                              `{"a":1}`,
		`{"a":1,"token":2,"b":3}`:                        `{"a":1,"b":3}`,
		`{"token":1,"jwt":2,"a":3,"auth":4}`:             `{"a":3}`,
		`{"token":1,"jwt":2}`:                            `{}`,
		`{"a":1,"a":2,"token":3,"token":4}`:              `{"a":1,"a":2}`,
		`{"pass\u0077ord":1,"b":2}`:                      `{"b":2}`,
		`{"\u005f_x":1}`:                                 `{}`,
		`{"_x":1,"x__":2}`:                               `{"_x":1,"x__":2}`,
		`{"ſecret":1,"to\u212aen":2,"c":3}`:              `{"c":3}`,
		`{"JWT":1,"aJwTb":2}`:                            `{}`,
		`{"author":1,"sessionId":2}`:                     `{}`,
		`{"remoteaddress":1,"remote":2}`:                 `{"remote":2}`,
		`{"x":{"token":[1,{"a":"}"}]}}`:                  `{"x":{}}`,
		`[{"token":"]"},[{"credentials":0}]]`:            `[{},[{}]]`,
		`{"token":{"a":1},"b":{"secret":"\"","c":"\\"}}`: `{"b":{"c":"\\"}}`,
		` { "token" : [ 1 , 2 ] , "b" : 1 } `:            ` {  "b" : 1 } `,
		`{"b":1 , "token" : "x" }`:                       `{"b":1  }`,
	} {
		if got := string(public.Strip([]byte(in))); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestStripKeepsBytes(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{"a" : 1.0e+400, "b":123456789012345678901234567890 , "c":"\u00e9\/é" }`,
		"[ 1 ,\n\t2\r\n]", `null`, ` true `, `-0`, `{"a":"\ud800"}`, `{"":{"":[]}}`,
	} {
		if got := public.Strip([]byte(in)); string(got) != in {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestHostile(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2) }
	for name, c := range map[string]struct{ in, want string }{
		"empty":           {"", "null"},
		"cut off":         {`{"a":`, "null"},
		"two values":      {`{} {}`, "null"},
		"not UTF-8":       {"{\"tok\xffen\":1}", "null"},
		"as deep as may":  {nested(public.MaxDepth), nested(public.MaxDepth)},
		"too deep":        {nested(public.MaxDepth + 2), "null"},
		"depth 10,000":    {nested(10_000), "null"},
		"depth 1,000,000": {nested(1_000_000), "null"},
		"deep and secret": {`{"token":` + nested(5_000) + `}`, "{}"},
		"huge number":     {`{"token":1,"n":` + strings.Repeat("9", 1<<20) + `}`, `{"n":` + strings.Repeat("9", 1<<20) + `}`},
		"1 MB of secrets": {`[` + strings.Repeat(`{"token":1},`, 1<<17) + `1]`, `[` + strings.Repeat(`{},`, 1<<17) + `1]`},
	} {
		if got := string(public.Strip([]byte(c.in))); got != c.want {
			t.Errorf("%s: got %.80s of %d bytes, want %.80s of %d", name, got, len(got), c.want, len(c.want))
		}
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	names := []string{"name", "color", "token"}
	for in, want := range map[string]string{
		`{"name":"a","x":{"name":1},"color":{"r":1,"x":2,"token":3}}`: `{"name":"a","color":{"r":1,"x":2}}`,
		`{"token":1}`:           `{}`,
		`{"x":1,"n\u0061me":2}`: `{"n\u0061me":2}`,
		`{"Name":1}`:            `{}`,
		`[{"name":1}]`:          `null`,
		`"name"`:                `null`,
		` {"name":1}`:           ` {"name":1}`,
		`{`:                     `null`,
	} {
		if got := string(public.Pick([]byte(in), names)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := string(public.Pick([]byte(`{"name":1}`), nil)); got != `{}` {
		t.Errorf("without names: %s", got)
	}
}

func FuzzStrip(f *testing.F) {
	for _, seed := range []string{`{"a":1,"token":2,"b":{"jwt":[{}]}}`, `[ {"__a" : "\"" } , 1e9 ]`, "\xff", `{"\u0074oken":1,"":2}`, `{,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out := public.Strip(in)
		if !bytes.Equal(in, before) {
			t.Fatal("the input changed")
		}
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("%q became %q, which is not JSON", in, out)
		}
		var v any
		if json.Unmarshal(out, &v) == nil && leaks(v) {
			t.Fatalf("%q became %q, which shows a secret", in, out)
		}
		if again := public.Strip(out); !bytes.Equal(again, out) {
			t.Fatalf("%q, stripped again %q", out, again)
		}
		if picked := public.Pick(in, []string{"a"}); !json.Valid(picked) {
			t.Fatalf("%q: picked %q", in, picked)
		}
		if !json.Valid(in) && string(out) != "null" {
			t.Fatalf("%q is not JSON and became %q", in, out)
		}
	})
}

func leaks(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if leaks(e) {
				return true
			}
		}
	case map[string]any:
		for name, e := range v {
			if public.Secret(name) || leaks(e) {
				return true
			}
		}
	}
	return false
}

func BenchmarkStrip(b *testing.B) {
	in := []byte(`{"id":"u-123","name":"Ann Example","color":"#ff8800","avatar":"https://cdn.example.com/u/123.png","token":"x"}`)
	b.ReportAllocs()
	for b.Loop() {
		public.Strip(in)
	}
}
