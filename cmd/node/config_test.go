package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// TestFlagsAreSettings compares the flags with the settings they stand for.
func TestFlagsAreSettings(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := kong.New(&c, kong.PostBuild(describeFlags))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range settings.Described() {
		want = append(want, s.Flag)
	}
	slices.Sort(want)
	for _, name := range []string{"serve", "config", "check"} {
		var got []string
		for _, node := range parser.Model.Children {
			if node.Name != name {
				continue
			}
			for _, f := range node.Flags {
				if f.Name == "config" || f.Name == "help" {
					continue
				}
				got = append(got, f.Name)
				if !strings.Contains(f.Help, settings.EnvName(f.Name)) || !strings.Contains(f.Help, "Default") {
					t.Errorf("%s: --%s says %q", name, f.Name, f.Help)
				}
			}
		}
		slices.Sort(got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has flags\n%v\nwant\n%v", name, got, want)
		}
	}
}

// TestPrecedence sets the same setting everywhere and takes one away after the
// other. Package settings does it for every setting.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	config := file(t, "t.yaml", "memory: 1MiB\nlog: {level: warn}\n")
	for _, c := range []struct {
		env, args []string
		want      string
	}{
		{[]string{"TROUPE_MEMORY=2MiB"}, []string{"--config", config, "--memory", "3MiB"}, "memory: 3MiB # --memory"},
		{[]string{"TROUPE_MEMORY=2MiB"}, []string{"--config", config}, "memory: 2MiB # TROUPE_MEMORY"},
		{[]string{"TROUPE_MEMORY="}, []string{"--config", config}, "memory: 1MiB # " + config + ":1"},
		{nil, []string{"-c", config}, "level: warn # " + config + ":2"},
		{[]string{"TROUPE_CONFIG=" + config}, nil, "memory: 1MiB # " + config + ":1"},
		{[]string{"TROUPE_CONFIG=/nowhere"}, []string{"--config=" + config}, "memory: 1MiB # " + config + ":1"},
		{nil, []string{"--any-script"}, "anyScript: true # --any-script"},
		{nil, []string{"--origins=https://a.example,https://b.example"}, "origins: [https://a.example, https://b.example] # --origins"},
		{nil, nil, "memory: 256MiB # default"},
	} {
		code, stdout, stderr := run(t, c.env, append([]string{"config"}, c.args...)...)
		if code != exitFine || !strings.Contains(strings.Join(strings.Fields(stdout), " "), c.want) {
			t.Errorf("%v %v: code %d, want %s in\n%s%s", c.env, c.args, code, c.want, stdout, stderr)
		}
	}
}

// TestRefusals has everything that a person can get wrong at the start, and
// what the answer must say.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, args []string
		file      string
		want      string
	}{
		"public address":        {args: []string{"--listen", ":8080"}, want: "auth.jwt"},
		"every address":         {args: []string{"serve", "--listen", "0.0.0.0:8080"}, want: "is not a loopback address"},
		"public by variable":    {env: []string{"TROUPE_LISTEN=[::]:80"}, want: "TROUPE_LISTEN: listen:"},
		"unknown flag":          {args: []string{"--lisen", ":1"}, want: `did you mean "--listen"`},
		"not a Postgres":        {args: []string{"--postgres", "mysql://u:hunter2@h/d"}, want: "--postgres: postgres: must be a URL that begins with postgres://"},
		"no database":           {env: []string{"TROUPE_POSTGRES=postgres://h"}, want: "TROUPE_POSTGRES: postgres: names no database"},
		"timeout in the URL":    {args: []string{"--postgres", "postgres://h/d?connect_timeout=1"}, want: "has the parameter connect_timeout"},
		"schema of two":         {args: []string{"--schema", "a;b"}, want: "--schema: schema: must be lower case"},
		"schema with a quote":   {args: []string{"--schema", `a"b`}, want: "--schema: schema: must be lower case"},
		"schema of Postgres":    {args: []string{"--schema", "pg_x"}, want: "--schema: schema: must be one of its own"},
		"schema of everybody":   {env: []string{"TROUPE_SCHEMA=public"}, want: "TROUPE_SCHEMA: schema: must be one of its own"},
		"huge schema":           {args: []string{"--schema", strings.Repeat("a", 10_000)}, want: "schema: must have 1 to 40 characters"},
		"schema of the prefix":  {args: []string{"--postgres", "postgres://h/d", "--prefix", "a b:"}, want: "schema: can not be made of the prefix; give one"},
		"huge pool":             {args: []string{"--postgres-conns", "1001"}, want: "--postgres-conns: postgresConns: must be a whole number from 1 to 1000"},
		"not a Redis":           {args: []string{"--redis", "http://u:hunter2@h"}, want: "--redis: redis: must begin"},
		"bad prefix":            {args: []string{"--prefix", "a b"}, want: "--prefix: prefix: must be printable ASCII"},
		"replicas in memory":    {args: []string{"--replicas", "1"}, want: "--replicas: replicas: needs redis"},
		"unknown command":       {args: []string{"srve"}, want: "node --help"},
		"value missing":         {args: []string{"--listen"}, want: "--listen"},
		"bad flag":              {args: []string{"--memory", "many"}, want: "--memory: memory: must be a size"},
		"no file":               {args: []string{"--config", "/nowhere/t.yaml"}, want: "there is no file /nowhere/t.yaml"},
		"a folder":              {args: []string{"--config", "."}, want: "configuration file"},
		"file given twice":      {args: []string{"check", "a", "--config", "b"}, want: "give the file once"},
		"file with faults":      {file: "listen: 1\nmemroy: 1MiB\n", want: ":2:1: memroy: is not a setting; did you mean memory?"},
		"hostile file":          {file: strings.Repeat("[", 100_000), want: "nested deeper"},
		"endless file":          {args: []string{"--config", "/dev/zero"}, want: "is larger than"},
		"every fault of tokens": {file: "auth:\n  jwt:\n    keys: short\n    algorithms: [HS257]\n    cookie: a b\n", want: ":4:5: auth.jwt.algorithms: \"HS257\" is not one of"},
		"tokens without keys":   {file: "auth: {jwt: {}}\n", want: ":1:8: auth.jwt.keys: a secret, public keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			if c.file != "" {
				args = []string{"check", file(t, "t.yaml", c.file)}
			}
			code, stdout, stderr := run(t, c.env, args...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("code %d, want %q in\n%s%s", code, c.want, stderr, stdout)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	_, printed, _ := run(t, nil, "config")
	name := file(t, "t.yaml", printed)
	if code, stdout, stderr := run(t, nil, "check", name); code != exitFine || stdout != name+" is fine.\n" {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := run(t, nil, "check"); code != exitFine || !strings.Contains(stdout, "The configuration is fine.") {
		t.Errorf("code %d\n%s", code, stdout)
	}
}

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"node publish room:lobby", "node tail room:lobby", "node config >", "TROUPE_LOG_LEVEL", "--listen", "Default 127.0.0.1:8080"}},
		{[]string{"tail", "--help"}, []string{"--since", "--token", "TROUPE_TOKEN"}},
		{[]string{"--help"}, []string{"node --redis redis://", "node members", "node doctor", "--replicas", "TROUPE_REDIS"}},
		{[]string{"--help"}, []string{"node --postgres postgres://", "node pg migrate", "node pg trigger --table", "TROUPE_POSTGRES", "--postgres-conns", "Default 8"}},
		{[]string{"pg", "--help"}, []string{"migrate", "status", "trigger", "outbox dead", "outbox retry", "outbox discard"}},
		{[]string{"pg", "status", "--help"}, []string{"--json", "--postgres", "--schema", "TROUPE_POSTGRES"}},
		{[]string{"pg", "trigger", "--help"}, []string{"--table", "room:{room_id}", "--columns", "--via", "--install", "--remove", "table_changes"}},
		{[]string{"pg", "outbox", "retry", "--help"}, []string{"--all", "<id>"}},
		{[]string{"members", "--help"}, []string{"--json", "--url"}},
		{[]string{"doctor", "--help"}, []string{"--json", "--redis", "--prefix", "TROUPE_REDIS", "--postgres", "TROUPE_POSTGRES"}},
		{[]string{"publish", "--help"}, []string{"--id"}},
		{[]string{"check", "--help"}, []string{"<file>"}},
	} {
		code, stdout, stderr := run(t, nil, c.args...)
		if code != exitFine || stderr != "" {
			t.Errorf("%v: code %d\n%s", c.args, code, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, stdout)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if code, stdout, _ := run(t, nil, "version"); code != exitFine || !strings.HasPrefix(stdout, "troupe ") {
		t.Errorf("code %d: %s", code, stdout)
	}
}
