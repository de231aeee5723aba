package settings

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzConfig feeds Load arbitrary files: it never panics, a fault never shows a
// line that may hold a secret, and what it accepts survives Print.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("memory: 1MiB\nmemory: 2MiB"))
	f.Add([]byte("a: &a [*a]\ntopics: *a"))
	f.Add([]byte("topics: &t\n- &r {match: a, idle: 1s}\n- *r"))
	f.Add([]byte("auth:\n  jwt:\n    keys: |\n      hunter2hunter2\n  x"))
	f.Add([]byte("redis: redis://u:hunter2hunter2@h?db=1\nredsi: x"))
	f.Add([]byte("? [a]\n: b\n--- !!map {}\n... # c\n%YAML 1.2"))
	f.Add([]byte("log: {level: \"\\u0000\\x41\", format: 'a''b'}"))
	f.Add([]byte("groups: [{match: a, memberData: [], roles: [\"a b\"]}]\nlimits: &l\n- {name: a, points: 3, interval: 1us, block: 1ns}\n- *l"))
	f.Add([]byte("topics: [{match: a, presence: {grace: 0}, cursors: {ttl: -1}, limit: x}, {match: b, presence: TRUE}]"))
	f.Add([]byte("auth: {jwt: {data: [], algorithms: []}}"))
	f.Add([]byte("postgres: postgres://u:hunter2hunter2@h/d\nschema: 'a;b'\npostgresConns: 1e9\npostgers: x"))
	f.Add([]byte("postgres: \"postgres://h1:1,h2:2/d?sslmode=x&password=\"\ntopics: [{match: a, history: {store: postgres}}]"))
	f.Add([]byte("postgres: postgres://h/d\nbridge: &b {notify: [{channel: a, feeds: [], leader: true, maxBytes: 1B}, {channel: \"A\"}], outbox: {keepDead: 1ns}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Load(Input{File: "f.yaml", Text: text})
		if err != nil {
			secret := slices.ContainsFunc([]string{"keys: |\n      hunter2hunter2", "redis: redis://u:hunter2hunter2@h", "postgres: postgres://u:hunter2hunter2@h"},
				func(held string) bool { return bytes.Contains(text, []byte(held)) })
			if secret && strings.Contains(err.Error(), "hunter2hunter2") {
				t.Errorf("shows a secret: %v", err)
			}
			return
		}
		if l.JWT != nil && shownKeys(l.JWT.Keys) == mask || ShownRedis(l.Redis) != l.Redis || ShownPostgres(l.Postgres) != l.Postgres {
			return // the secret is not printed, so it can not be read back
		}
		var out bytes.Buffer
		if err := l.Print(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Input{File: "again.yaml", Text: out.Bytes()})
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		if !reflect.DeepEqual(l.Settings, again.Settings) {
			t.Errorf("read back\n%+v\nwant\n%+v", again.Settings, l.Settings)
		}
	})
}
