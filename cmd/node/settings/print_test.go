package settings

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const full = `
listen: 0.0.0.0:9000
origins: ["https://a.example", "http://b.example:81"]
anyScript: true
redis: "rediss://ann@h:1/2?dial_timeout=3s"
postgres: "postgres://ann@h:1,h2:2/d?sslmode=verify-full"
schema: troupe_2
postgresConns: 20
prefix: "a b:"
replicas: 2
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
  apiKeys:
  - {name: "a: b", hash: "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", may: [publish, history]}
  - {name: b, hash: "sha256:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7", may: [limits]}
topics:
  - {match: "room:*", history: {size: 5, ttl: 1h, dedup: -1}, slow: drop-oldest, idle: -1, subscribe: [none], publish: [server]}
  - {match: "[a-z]?", history: {size: -1}, presence: {key: user id, grace: 10s, heartbeat: 1m}, cursors: {throttle: -1, tick: 20ms, ttl: 1m}, limit: chat}
  - {match: b, presence: true, cursors: {}, history: {store: postgres}}
groups:
  - {match: "lobby:*", maxMembers: 5, roles: [host, "a guest"], memberData: [name], key: connection, closedFor: 1h}
  - {match: "*", memberData: []}
limits:
  - {name: chat, kind: sliding, points: 10, interval: 1s, block: 30s, key: connection, lease: 2}
  - {name: all, kind: fixed, points: 1000, interval: 1m, key: address}
gateway: {frameLimit: chat, upgradeLimit: all}
bridge:
  notify:
  - {channel: table_changes, leader: true, feeds: ["room:*", "a b"], allowSystem: true, maxBytes: 2MiB, queue: 100}
  - {channel: Other}
  outbox: {enabled: false, maxTries: 3, keepDead: 1h}
`

func TestPrintRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{full, "", "topics: [{match: a, history: {store: memory}}]", "groups: []", "limits: []",
		"postgres: postgres://h/d", "postgres: postgres://h/d\nbridge: {notify: [], outbox: {enabled: true, keepDead: -1}}", "bridge: {outbox: {enabled: false}}"} {
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
		"api keys":         "auth:\n  apiKeys:\n  - name: a\n    hash: " + secret + "\n    may: [publish]\n",
		"api key's may":    "auth:\n  apiKeys:\n  - name: a\n    hash: " + secret + "\n    may: publish\n",
		"mistyped hash":    "auht:\n  kyes:\n  - name: a\n    hash: " + secret + "\n    may: publish\n",
		"redis":            "redis: redis://:" + secret + "@h\n",
		"redis user":       "redis: redis://u:" + secret + "@h:1/0?db=1\n",
		"redis parameter":  "redis: redis://h?sentinel_password=" + secret + "\n",
		"redis unescaped":  "redis: redis://:a/" + secret + "@h\n",
		"redis hash":       "redis: 'redis://:a#" + secret + "@h'\n",
		"redis question":   "redis: 'redis://u?db=" + secret + "@h'\n",
		"redis plain":      "redis: " + secret + "\n",
		"redis beside":     "{redis: redis://:" + secret + "@h, memory: x}\n",
		"redis as a list":  "redis:\n- redis://:" + secret + "@h\n",
		"redis mistyped":   "redsi: redis://:" + secret + "@h\n",
		"redis key mis":    "rds: other://:" + secret + "@h\n",
		"redis upper":      "REDIS: " + secret + "\n",
		"redis next line":  "redis:\n  " + secret + "\n  x: y\n",
		"redis twice":      "redis: " + secret + "\nredis: " + secret + "\n",
		"postgres":         "postgres: " + secret + "\n",
		"postgres url":     "postgres: postgres://:" + secret + "@h/d\n",
		"postgres param":   "postgres: postgres://h/d?password=" + secret + "\n",
		"postgres tls":     "postgres: postgres://h/d?sslmode=require&sslpassword=" + secret + "\n",
		"postgres dsn":     "postgres: host=h password=" + secret + "\n",
		"postgres slash":   "postgres: postgres://u:a/" + secret + "@h/d\n",
		"postgres hash":    "postgres: 'postgres://u:a#" + secret + "@h/d'\n",
		"postgres beside":  "{postgres: postgres://:" + secret + "@h/d, memory: x}\n",
		"postgres list":    "postgres:\n- postgres://:" + secret + "@h\n",
		"postgres next":    "postgres:\n  " + secret + "\n  x: y\n",
		"postgres twice":   "postgres: " + secret + "\npostgres: " + secret + "\n",
		"postgres mis":     "postgers: postgres://u:" + secret + "@h/d\n",
		"postgres as conn": "postgresConns: postgres://u:" + secret + "@h/d\n",
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

// TestBackendsFromElsewhere shows that a file of node config needs its secrets from
// elsewhere, and that the node does not start without them.
func TestBackendsFromElsewhere(t *testing.T) {
	t.Parallel()
	for key, secret := range map[string]string{"redis": "redis://u:hunter2@h:1", "postgres": "postgres://u:hunter2@h:1/d"} {
		variable := EnvName(key)
		first, err := Load(Input{Env: []string{variable + "=" + secret}})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := first.Print(&out); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s: %q # %s", key, strings.Replace(secret, "hunter2", mask, 1), variable)
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) {
			t.Errorf("printed\n%s", got)
		}
		again := Input{File: "out.yaml", Text: out.Bytes()}
		if _, err := Load(again); err == nil || !strings.Contains(err.Error(), variable+", which wins") {
			t.Errorf("a mask is taken for a password: %v", err)
		}
		again.Env = []string{variable + "=" + secret}
		if l, err := Load(again); err != nil || l.Redis+l.Postgres != secret {
			t.Errorf("with the secret from elsewhere: %v", err)
		}
	}
}

func TestShownPostgres(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "",
		"postgres://h/d": "postgres://h/d",
		"postgresql://u:p@h:5432/d?sslmode=prefer":                   "postgresql://u:********@h:5432/d?sslmode=prefer",
		"postgres://u:p@h1:1,h2:2/d?target_session_attrs=read-write": "postgres://u:********@h1:1,h2:2/d?target_session_attrs=read-write",
		"postgres://h/d?user=u&password=p&passfile=x&y":              "postgres://h/d?user=u&password=********&passfile=********&********",
		"postgres://u:p/q@h/d":                                       mask,
		"postgres://u:p?q@h/d":                                       mask,
		"postgres://h/d?sslmode=require@p":                           mask,
		"host=h password=p":                                          mask,
		"p":                                                          mask,
		"postgres://h:p%zz/d":                                        mask,
	} {
		if got := ShownPostgres(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestShownRedis(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                 "",
		"redis://h:6379/1":                 "redis://h:6379/1",
		"rediss://u:p@h?db=2":              "rediss://u:********@h?db=2",
		"redis://:p@h?addr=h2:1&addr=h3:1": "redis://:********@h?addr=h2:1&addr=h3:1",
		"redis://h?sentinel_password=p&x":  "redis://h?sentinel_password=********&********",
		"unix://u:p@/run/r.sock?db=1":      "unix://u:********@/run/r.sock?db=1",
		"redis://:p/q@h":                   mask,
		"p":                                mask,
		"redis:p":                          mask,
		"\x00":                             mask,
	} {
		if got := ShownRedis(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestChecksAreAsked(t *testing.T) {
	t.Parallel()
	wrong := func(string) error { return errors.New("is not right") }
	_, err := Load(Input{File: "t.yaml", Text: []byte("redis: redis://:hunter2@h\nprefix: x\npostgres: postgres://:hunter2@h/d\n"),
		CheckRedis: wrong, CheckPrefix: wrong, CheckPostgres: wrong,
		CheckSchema: func(schema, prefix string) error { return fmt.Errorf("of %q and %q is not right", schema, prefix) }})
	for _, want := range []string{"t.yaml:1:1: redis: is not right", "t.yaml:2:1: prefix: is not right", "t.yaml:3:1: postgres: is not right", `schema: of "" and "x" is not right`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("said %v, want %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("shows a secret: %v", err)
	}
}
