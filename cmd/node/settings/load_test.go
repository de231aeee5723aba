package settings

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// TestPrecedence shows for every setting with one value that a flag wins over
// the environment, that over the file, that over the default.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	values := map[string][3]string{ // in the file, the environment, the flag
		"listen":                        {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"},
		"origins":                       {"https://a.example", "https://b.example", "https://c.example"},
		"anyScript":                     {"true", "false", "true"},
		"redis":                         {"redis://a:1", "redis://b:1", "redis://c:1"},
		"postgres":                      {"postgres://a:1/x", "postgres://b:1/x", "postgres://c:1/x"},
		"schema":                        {"a", "b", "c"},
		"postgresConns":                 {"1", "2", "3"},
		"prefix":                        {"a:", "b:", "c:"},
		"replicas":                      {"1", "2", "3"},
		"memory":                        {"1MiB", "2MiB", "3MiB"},
		"drainTimeout":                  {"1s", "2s", "3s"},
		"log.level":                     {"debug", "warn", "error"},
		"log.format":                    {"json", "text", "auto"},
		"gateway.frame":                 {"1KiB", "2KiB", "3KiB"},
		"gateway.queue":                 {"5KiB", "6KiB", "7KiB"},
		"gateway.topics":                {"1", "2", "3"},
		"gateway.framesPerSecond":       {"1", "2", "3"},
		"gateway.connectionsPerAddress": {"1", "2", "3"},
		"gateway.connections":           {"1", "2", "3"},
		"gateway.upgradesPerAddress":    {"1", "2", "3"},
		"gateway.hookTimeout":           {"1s", "2s", "3s"},
		"gateway.pingAfter":             {"11s", "12s", "13s"},
		"gateway.idleTimeout":           {"3m1s", "3m2s", "3m3s"},
		"gateway.frameLimit":            {"x", "y", "z"},
		"gateway.upgradeLimit":          {"x", "y", "z"},
	}
	for _, s := range scalars {
		t.Run(s.key, func(t *testing.T) {
			t.Parallel()
			v, ok := values[s.key]
			if !ok {
				t.Fatalf("no values for %s: add them to this test", s.key)
			}
			name := FlagName(s.key)
			in := Input{}
			if s.key == "replicas" {
				in.Env = []string{"TROUPE_REDIS=redis://h"}
			}
			with := in.Env
			expect := func(want, origin string) {
				t.Helper()
				l, err := Load(in)
				if err != nil {
					t.Fatalf("Load: %v", err)
				}
				if got := s.get(&l.Settings); got != want || l.origins[s.key] != origin {
					t.Errorf("%s is %q from %q, want %q from %q", s.key, got, l.origins[s.key], want, origin)
				}
			}
			var initial Settings
			if err := s.set(&initial, s.initial); err != nil {
				t.Fatal(err)
			}
			expect(s.get(&initial), "")
			in.File, in.Text = "t.yaml", []byte(nested(s.key, v[0])+xyz)
			expect(v[0], map[bool]string{false: "t.yaml:1", true: "t.yaml:2"}[strings.Contains(s.key, ".")])
			in.Env = append(with, EnvName(name)+"=")
			expect(v[0], map[bool]string{false: "t.yaml:1", true: "t.yaml:2"}[strings.Contains(s.key, ".")])
			in.Env = append(with, EnvName(name)+"="+v[1])
			expect(v[1], EnvName(name))
			in.Flags = map[string]string{name: v[2]}
			expect(v[2], "--"+name)
		})
	}
}

// xyz are limits that settings can name.
const xyz = "limits: [{name: x, points: 1, interval: 1s, key: address}, {name: y, points: 1, interval: 1s, key: address}, " +
	"{name: z, points: 1, interval: 1s, key: identity}]\n"

// nested writes a.b: v as YAML.
func nested(key, v string) string {
	head, name, ok := strings.Cut(key, ".")
	if !ok {
		return key + ": " + quote(v) + "\n"
	}
	return head + ":\n  " + name + ": " + quote(v) + "\n"
}

func TestNames(t *testing.T) {
	t.Parallel()
	if got := FlagName("gateway.framesPerSecond"); got != "gateway-frames-per-second" {
		t.Errorf("flag %q", got)
	}
	if got := EnvName("gateway-frames-per-second"); got != "TROUPE_GATEWAY_FRAMES_PER_SECOND" {
		t.Errorf("variable %q", got)
	}
}

func TestTopicsFromFile(t *testing.T) {
	t.Parallel()
	l, err := Load(Input{File: "t.yaml", Text: []byte(`
auth: {jwt: {keys: "https://id.example/jwks.json", algorithms: [RS256], data: [name]}}
topics:
  - match: "room:*"
    history: {size: 500, ttl: 1h, dedup: -1}
    subscribe: [anyone]
    publish: [members, "role:admin"]
    slow: conflate
    idle: 30s
  - &rest
    match: "*"
    history: {size: -1}
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := topic.Policy{Match: "room:*", History: 500, TTL: time.Hour, Dedup: -1, Slow: topic.SlowConflate, Idle: 30 * time.Second}
	if l.Topics[0].Policy != want {
		t.Errorf("policy %+v, want %+v", l.Topics[0].Policy, want)
	}
	if got := strings.Join(l.Topics[0].Publish, " "); got != "members role:admin" {
		t.Errorf("publish %s", got)
	}
	if last := l.Topics[1]; last.Policy.HasHistory() || last.Subscribe[0] != Authenticated || last.Publish[0] != Authenticated {
		t.Errorf("last policy %+v", last)
	}
	if l.JWT.Algorithms[0] != "RS256" || l.JWT.Data[0] != "name" {
		t.Errorf("jwt %+v", l.JWT)
	}
}

// TestAllFaultsAtOnce has a fault in every layer.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(Input{
		File: "t.yaml",
		Text: []byte("memory: lots\ngateway: {topics: 0, frane: 1KiB}\ntopics: [{match: 'a[', slow: never, history: {size: 0}}]\n"),
		Env:  []string{"TROUPE_LOG_LEVEL=loud", "TROUPE_POSTGRES_CONNS=0", "TROUPE_LISTNE=:1", "TROUPE_PORT=tcp://1.2.3.4:5", "PATH=/bin"},
		Flags: map[string]string{
			"drain-timeout": "soon",
			"listen":        "nowhere",
			"help":          "true",
		},
	})
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		t.Fatalf("not a list of faults: %v", err)
	}
	want := []string{
		`t.yaml:1:9: memory: must be a size`,
		`t.yaml:2:19: gateway.topics: must be a whole number from 1, not "0"`,
		`t.yaml:2:22: gateway.frane: is not a setting; did you mean frame?`,
		`t.yaml:3:30: topics[0].slow: must be one of`,
		`t.yaml:3:53: topics[0].history.size: must be a whole number from 1, or -1`,
		`TROUPE_LOG_LEVEL: log.level: must be debug, info, warn or error, not "loud"`,
		`TROUPE_POSTGRES_CONNS: postgresConns: must be a whole number from 1 to 1000, not "0"`,
		`TROUPE_LISTNE: is not a setting; did you mean TROUPE_LISTEN?`,
		`--drain-timeout: drainTimeout: must be a time such as`,
		`--listen: listen: must be host:port`,
		`t.yaml:3:11: topics[0].match: "a[" is not a pattern`,
	}
	got := all.Unwrap()
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("missing: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d:\n%v", len(got), len(want), err)
	}
}

func TestFaultPlaces(t *testing.T) {
	t.Parallel()
	_, err := Load(Input{File: "t.yaml", Text: []byte("log:\n  level: loud\n")})
	var f *Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v", err)
	}
	want := "t.yaml:2:10: log.level: must be debug, info, warn or error, not \"loud\"\n" +
		"     2 |   level: loud\n" +
		"       |          ^"
	if f.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", f, want)
	}
}

// TestFaults has one fault each.
func TestFaults(t *testing.T) {
	t.Parallel()
	const jwt = "auth: {jwt: {keys: 'https://id.example/k'}}\n"
	for name, c := range map[string]struct{ file, want string }{
		"not yaml":           {"a: [", "t.yaml:1:4"},
		"tab":                {"log:\n\tlevel: info", "t.yaml:2:"},
		"twice":              {"memory: 1MiB\nmemory: 2MiB", "t.yaml:2:1"},
		"list at the top":    {"- a", "must be a group of settings, not a list"},
		"two documents":      {"memory: 1MiB\n---\nmemory: 2MiB", "must be one YAML document"},
		"alias to nothing":   {"memory: *x", "has no anchor"},
		"tag":                {"memory: !!str 1MiB", "is not used in this file"},
		"merge":              {"log: {<<: {level: debug}}", "must be plain text"},
		"no value":           {"memory:", "t.yaml:1:1: memory: has no value"},
		"group for a value":  {"memory: {a: 1}", "memory: must be a single value, not a group of settings"},
		"value for a group":  {"log: debug", "log: must be a group of settings, not a single value"},
		"value for a list":   {"topics: x", "topics: must be a list"},
		"no topics":          {"topics: []", "lists no policy"},
		"topic without name": {"topics: [{idle: 1s}]", "topics[0].match: is missing"},
		"empty name":         {"topics: [{match: ''}]", "must not be empty"},
		"history too large":  {"topics: [{match: a, history: {size: 9000000}}]", "t.yaml:1:31: topics[0].history.size: 9000000 is not within"},
		"negative ttl":       {"topics: [{match: a, history: {ttl: -1s}}]", "must be more than nothing"},
		"idle zero":          {"topics: [{match: a, idle: 0s}]", "(-1 turns it off)"},
		"nobody":             {"topics: [{match: a, subscribe: []}]", "say so with [none]"},
		"members subscribe":  {"topics: [{match: a, subscribe: [members]}]", "topics[0].subscribe[0]: must be one of anyone, authenticated, none"},
		"role without name":  {jwt + "topics: [{match: a, publish: ['role:']}]", "topics[0].publish[0]"},
		"nobody is known":    {"topics: [{match: a, publish: [authenticated]}]", "needs auth.jwt"},
		"masked keys":        {"auth: {jwt: {keys: '********'}}", "give the secret itself"},
		"origin with path":   {"origins: ['https://a.example/x']", "origins: must be * or like"},
		"origin without":     {"origins: [a.example]", "origins: must be * or like"},
		"ping after idle":    {"gateway: {pingAfter: 5m}", "t.yaml:1:11: gateway.pingAfter: 5m0s must be less"},
		"port":               {"listen: '127.0.0.1:99999'", "must end in a port"},
		"port by name":       {"listen: '127.0.0.1:http'", "must end in a port"},
		"negative number":    {"gateway: {connections: -2}", "whole number from 1"},
		"too little memory":  {"memory: 1KiB", "must be 1MiB to 1024GiB, not 1KiB"},
		"no such store":      {"topics: [{match: a, history: {store: disk}}]", "topics[0].history.store: must be redis, postgres or memory"},
		"store without":      {"topics: [{match: a, history: {store: redis}}]", "topics[0].history.store: is redis, but there is none"},
		"store beside redis": {"redis: redis://h\ntopics: [{match: a, history: {store: memory}}]", "topics[0].history.store: is memory, but"},
		"store beside pg":    {"postgres: postgres://h/d\ntopics: [{match: a, history: {store: memory}}]", "topics[0].history.store: is memory, but"},
		"no postgres":        {"redis: redis://h\ntopics: [{match: a, history: {store: postgres}}]", "topics[0].history.store: is postgres, but there is none: give its URL with postgres"},
		"redis is postgres":  {"postgres: postgres://h/d\ntopics: [{match: a, history: {store: redis}}]", "topics[0].history.store: is redis, but there is none"},
		"store at the top":   {"store: postgres", "store: stands elsewhere: topics[].history.store"},
		"masked postgres":    {"postgres: 'postgres://u:********@h/d'", "postgres: has ******** in place of a secret, as node config shows it; give the whole URL in TROUPE_POSTGRES"},
		"no connections":     {"postgresConns: 0", "postgresConns: must be a whole number from 1 to 1000"},
		"huge pool":          {"postgresConns: 99999999999999999999", "postgresConns: must be a whole number from 1 to 1000"},
		"replicas of none":   {"replicas: 1", "replicas: needs redis"},
		"negative replicas":  {"replicas: -1", "must be a whole number from 0 to 100"},
		"masked redis":       {"redis: 'redis://u:********@h'", "redis: has ******** in place of a secret"},
		"overflow":           {"memory: 99999999999GiB", "must be a size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Input{File: "t.yaml", Text: []byte(c.file)})
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("says\n%v\nwant\n%s", err, c.want)
			}
			if n := strings.Count(err.Error(), "t.yaml:"); n != 1 {
				t.Errorf("says %d places:\n%v", n, err)
			}
		})
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"too large":   strings.Repeat("#", int(MaxFile)+1),
		"deep":        strings.Repeat("[", 100_000),
		"not text":    "\xff\xfe\x00",
		"bomb":        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\ntopics: [*d,*d,*d]",
		"self":        "topics: &a [*a]",
		"many levels": strings.Repeat("- ", 30_000),
		"many names":  manyNames(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Load(Input{File: "t.yaml", Text: []byte(text)}); err == nil {
				t.Error("accepted")
			} else if len(err.Error()) > 20_000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func manyNames() string {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "key%d: v\n", i)
	}
	return b.String()
}

func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"lissten: x":                        "lissten: is not a setting; did you mean listen?",
		"log: {colour: red}":                "log.colour: is not a setting; there are format, level",
		"topics: [{match: a, hsitory: {}}]": "topics[0].hsitory: is not a setting",
		"zzz: 1":                            "zzz: is not a setting; there are anyScript, auth, bridge, drainTimeout, gateway, groups",
	} {
		_, err := Load(Input{File: "t.yaml", Text: []byte(file)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestPublicAddressNeedsAuthentication(t *testing.T) {
	t.Parallel()
	for addr, fine := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost:80": true, "LOCALHOST:0": true,
		"[::ffff:127.0.0.1]:80": true,
		":80":                   false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.2:80": false, "10.0.0.1:80": false,
		"example.com:80": false, "localhost.example.com:80": false, "127.1:80": false, "[::ffff:10.0.0.1]:80": false,
		"127.0.0.1.example.com:80": false, "0:80": false,
	} {
		_, err := Load(Input{Flags: map[string]string{"listen": addr}})
		if fine != (err == nil) {
			t.Errorf("%s: %v", addr, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "auth.jwt") || !strings.Contains(err.Error(), "127.0.0.1")) {
			t.Errorf("%s: does not tell the ways out: %v", addr, err)
		}
		withAuth := Input{File: "t.yaml", Text: []byte("auth: {jwt: {keys: 'https://id.example/k'}}"), Flags: map[string]string{"listen": addr}}
		if _, err := Load(withAuth); err != nil {
			t.Errorf("%s with authentication: %v", addr, err)
		}
	}
}
