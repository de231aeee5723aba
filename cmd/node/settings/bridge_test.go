package settings

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
)

const database = "postgres: postgres://h/d\n"

func TestBridge(t *testing.T) {
	t.Parallel()
	initial := Outbox{true, outbox.DefaultMaxTries, outbox.DefaultKeepDead}
	for text, want := range map[string]Bridge{
		"":             {Outbox: Outbox{false, outbox.DefaultMaxTries, outbox.DefaultKeepDead}},
		"redis: r://h": {Outbox: Outbox{false, outbox.DefaultMaxTries, outbox.DefaultKeepDead}},
		database:       {Outbox: initial},
		database + "bridge: {outbox: {enabled: false}}":            {Outbox: Outbox{false, outbox.DefaultMaxTries, outbox.DefaultKeepDead}},
		database + "bridge: {outbox: {maxTries: 2, keepDead: -1}}": {Outbox: Outbox{true, 2, -1}},
		database + "bridge: {notify: [{channel: a}, {channel: B, leader: true, feeds: [x], allowSystem: true, maxBytes: 1KiB, queue: 16}]}": {
			Outbox: initial,
			Notify: []pgnotify.Channel{
				{Name: "a", MaxBytes: pgnotify.DefaultMaxBytes, Queue: pgnotify.DefaultQueue},
				{Name: "B", Leader: true, Feeds: []string{"x"}, AllowSystem: true, MaxBytes: 1024, Queue: 16},
			},
		},
	} {
		if l := load(t, text); !reflect.DeepEqual(l.Bridge, want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, l.Bridge, want)
		}
	}
	l, err := Load(Input{Env: []string{"TROUPE_POSTGRES=postgres://h/d"}})
	if err != nil || !l.Bridge.Outbox.Enabled {
		t.Errorf("a database by variable: %v", err)
	}
}

// TestBridgeFaults has one fault each.
func TestBridgeFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, want string }{
		"no database for channels": {"bridge: {notify: [{channel: a}]}", "t.yaml:1:10: bridge.notify: needs postgres"},
		"no database for outbox":   {"bridge: {outbox: {enabled: true}}", "t.yaml:1:10: bridge.outbox: needs postgres"},
		"no channel":               {database + "bridge: {notify: [{leader: true}]}", "bridge.notify[0].channel: is missing"},
		"empty channel":            {database + "bridge: {notify: [{channel: ''}]}", "bridge.notify[0].channel: must not be empty"},
		"two statements":           {database + "bridge: {notify: [{channel: 'a;b'}]}", "bridge.notify[0].channel: must be 1 to 63 ASCII letters"},
		"quoted":                   {database + `bridge: {notify: [{channel: 'a"b'}]}`, "t.yaml:2:20: bridge.notify[0].channel: must be 1 to 63 ASCII letters"},
		"huge channel":             {database + "bridge: {notify: [{channel: " + strings.Repeat("a", 64) + "}]}", "bridge.notify[0].channel: must be 1 to 63"},
		"of Postgres":              {database + "bridge: {notify: [{channel: pg_a}]}", "bridge.notify[0].channel: must not begin with pg_"},
		"of the nodes":             {database + "bridge: {notify: [{channel: troupe_a}]}", "bridge.notify[0].channel: must not begin with troupe_"},
		"of the nodes by schema":   {database + "schema: x\nbridge: {notify: [{channel: x_a}]}", "bridge.notify[0].channel: must not begin with x_"},
		"twice":                    {database + "bridge: {notify: [{channel: a}, {channel: a}]}", `t.yaml:2:34: bridge.notify[1].channel: "a" is there twice`},
		"neither true nor false":   {database + "bridge: {notify: [{channel: a, leader: yes}]}", "bridge.notify[0].leader: must be true or false"},
		"not a pattern":            {database + "bridge: {notify: [{channel: a, feeds: [ok, 'b[']}]}", "t.yaml:2:44: bridge.notify[0].feeds[1]: is not a pattern"},
		"feeds as text":            {database + "bridge: {notify: [{channel: a, feeds: x}]}", "bridge.notify[0].feeds: must be a list"},
		"too much data":            {database + "bridge: {notify: [{channel: a, maxBytes: 17MiB}]}", "bridge.notify[0].maxBytes: must be 1 to 16 MiB"},
		"no data":                  {database + "bridge: {notify: [{channel: a, maxBytes: 0}]}", "bridge.notify[0].maxBytes: must be 1B to 1GiB, not 0B"},
		"tiny queue":               {database + "bridge: {notify: [{channel: a, queue: 1}]}", "bridge.notify[0].queue: must be 16 to"},
		"unknown":                  {database + "bridge: {notify: [{chanel: a}]}", "did you mean channel?"},
		"notify as a group":        {database + "bridge: {notify: {channel: a}}", "bridge.notify: must be a list"},
		"outbox as a switch":       {database + "bridge: {outbox: true}", "bridge.outbox: must be a group of settings"},
		"no tries":                 {database + "bridge: {outbox: {maxTries: 0}}", "bridge.outbox.maxTries: must be a whole number from 1"},
		"dead kept for nothing":    {database + "bridge: {outbox: {keepDead: 0s}}", "bridge.outbox.keepDead: must be more than nothing, not 0s (-1 keeps them for good)"},
		"outbox at the top":        {database + "outbox: {enabled: true}", "outbox: stands elsewhere: bridge.outbox"},
		"bridge as text":           {"bridge: x", "bridge: must be a group of settings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Input{File: "t.yaml", Text: []byte(c.file)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("says\n%v\nwant\n%s", err, c.want)
			} else if n := strings.Count(err.Error(), "t.yaml:"); n != 1 {
				t.Errorf("says %d places:\n%v", n, err)
			}
		})
	}
	if _, err := Load(Input{File: "t.yaml", Text: []byte(database + "bridge: {notify: [{channel: 'a;b', queue: x}, {channel: b, feeds: ['[']}], outbox: {maxTries: -1}}")}); err == nil ||
		strings.Count(err.Error(), "t.yaml:") != 3 {
		t.Errorf("not all at once: %v", err)
	}
	if l := load(t, database+"bridge: {outbox: {keepDead: 36h}}"); l.Bridge.Outbox.KeepDead != 36*time.Hour {
		t.Errorf("%+v", l.Bridge.Outbox)
	}
}
