package settings

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

const full = `
listen: 0.0.0.0:9000
origins: ["https://a.example", "http://b.example:81"]
anyScript: true
memory: 12345678B
auth:
  jwt:
    keys: https://id.example/jwks.json
    algorithms: [RS256, EdDSA]
    audience: "a: b # c"
    issuer: "quote \" and \\ and umlaut"
    cookie: session
    identity: sub
    roles: groups
    data: [name, "null", "*x", "- y"]
topics:
  - {match: "room:*", history: {size: 5, ttl: 1h, dedup: -1}, slow: drop-oldest, idle: -1, subscribe: [none], publish: [server]}
  - {match: "[a-z]?", history: {size: -1}}
`

func TestPrintRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{full, ""} {
		first, err := Load(Input{File: "t.yaml", Text: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := first.Print(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Input{File: "out.yaml", Text: out.Bytes()})
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !reflect.DeepEqual(first.Settings, again.Settings) {
			t.Errorf("read back\n%+v\nwant\n%+v\nfrom\n%s", again.Settings, first.Settings, out.String())
		}
	}
}

func TestPrintOrigins(t *testing.T) {
	t.Parallel()
	l, err := Load(Input{
		File:  "t.yaml",
		Text:  []byte("memory: 1MiB\ntopics:\n- match: a\n"),
		Env:   []string{"TROUPE_LOG_LEVEL=debug"},
		Flags: map[string]string{"listen": "[::1]:0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := l.Print(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		`listen: "[::1]:0" # --listen`, "memory: 1MiB # t.yaml:1", "level: debug # TROUPE_LOG_LEVEL",
		"format: auto # default", "- match: a # t.yaml:3", "size: 1000 # default",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, out.String())
		}
	}
}

// TestSecretsStayHidden puts a secret into every place that may hold one, next
// to mistakes of every kind.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2hunter2hunter2hunter2"
	for name, text := range map[string]string{
		"printed":          "auth:\n  jwt:\n    keys: " + secret + "\n",
		"printed url":      "auth: {jwt: {keys: 'https://u:" + secret + "@h/k'}}\n",
		"printed query":    "auth: {jwt: {keys: 'https://h/k?k=" + secret + "'}}\n",
		"same line":        "auth: {jwt: {keys: " + secret + ", issuer: {}}}\n",
		"next line":        "auth:\n  jwt:\n    keys: " + secret + "\n    isuer: a\n",
		"block":            "auth:\n  jwt:\n    isuer: a\n    keys: |\n      " + secret + "\n      x\n",
		"broken block":     "auth:\n  jwt:\n    keys: |\n      a\n   " + secret + ": [\n",
		"broken flow":      "auth: {jwt: {keys: [" + secret + "\n",
		"flow over lines":  "auth: {jwt: {keys:\n" + secret + ",\nissuer: {}}}\n",
		"as a list":        "auth:\n  jwt:\n    keys:\n    - " + secret + "\n",
		"misspelt":         "auth:\n  jwt:\n    secretKey: " + secret + "\n",
		"mistyped":         "auth:\n  jwt:\n    issuer: a\n    kyes: " + secret + "\n",
		"mistyped group":   "auth:\n  jvt:\n    kyes: " + secret + "\n    a: [\n",
		"api keys":         "auth:\n  apiKeys:\n  - name: a\n    hash: " + secret + "\n",
		"quoted not ended": "auth:\n  jwt:\n    keys: \"" + secret + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := Load(Input{File: "t.yaml", Text: []byte(text)})
			var out strings.Builder
			if err != nil {
				out.WriteString(err.Error())
			} else if err := l.Print(&out); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("shows the secret:\n%s", out.String())
			}
		})
	}
}
