package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestFloorsCatches shows TestFloors modules that break each of its rules.
func TestFloorsCatches(t *testing.T) {
	t.Parallel()
	const own = `"github.com/troupe-rt/troupe/`
	for name, c := range map[string]struct{ file, text, want string }{
		"up":                   {"topic/a.go", `package topic; import _ ` + own + `bridge/gateway"`, "imports only go down"},
		"up by two":            {"actors/a.go", `package actors; import _ ` + own + `topic"`, "floor 0) imports topic (floor 1)"},
		"sideways":             {"bridge/gateway/a.go", `package gateway; import _ ` + own + `persistence/memstore"`, "imports only go down"},
		"limits are domain":    {"topic/a.go", `package topic; import _ ` + own + `actors/ratelimit"`, "a limit is of the domain"},
		"command":              {"cluster/a.go", `package cluster; import _ ` + own + `cmd/node/web"`, "nothing may depend on it"},
		"homeless":             {"utils/a.go", `package utils`, "utils has no floor"},
		"protoactor in topic":  {"topic/a.go", `package topic; import _ "github.com/asynkron/protoactor-go/actor"`, "its traps are dealt with"},
		"websocket in cluster": {"cluster/a.go", `package cluster; import _ "github.com/coder/websocket"`, "only the gateway speaks"},
		"prometheus elsewhere": {"topic/a.go", `package topic; import "github.com/prometheus/client_golang/prometheus"; var _ prometheus.Counter`, "read in one file"},
		"promauto elsewhere":   {"topic/a.go", `package topic; import _ "github.com/prometheus/client_golang/prometheus/promauto"`, "read in one file"},
		"renamed import":       {"topic/a.go", `package topic; import p "github.com/prometheus/client_golang/prometheus"; var _ p.Gauge`, "read in one file"},
		"leak test in product": {"topic/a.go", `package topic; import _ "go.uber.org/goleak"`, "it is for tests"},
		"unknown":              {"topic/a.go", `package topic; import _ "example.com/left-pad"`, "has no room"},
		"like a known one":     {"cmd/node/a.go", `package main; import _ "github.com/alecthomas/kongfu"`, "has no room"},
		"shown by function":    {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; func F(*actor.PID) {}`, "must stay replaceable"},
		"shown by method":      {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; type T[M any] struct{}; func (*T[M]) F() []*actor.PID { return nil }`, "must stay replaceable"},
		"shown by field":       {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; type T struct{ P *actor.PID }`, "must stay replaceable"},
		"shown by embedding":   {"actors/a.go", `package actors; import x "github.com/asynkron/protoactor-go/actor"; type T struct{ x.PID }`, "shows x.PID"},
		"shown by interface":   {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; type T interface{ F(actor.Context) }`, "must stay replaceable"},
		"shown by variable":    {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; var P *actor.PID`, "must stay replaceable"},

		"down":                 {"topic/a.go", `package topic; import _ ` + own + `actors"`, ""},
		"family":               {"actors/breaker/a.go", `package breaker; import _ ` + own + `actors"`, ""},
		"tests may look up":    {"topic/a_test.go", `package topic_test; import _ ` + own + `persistence/memstore"`, ""},
		"own of the command":   {"cmd/node/a.go", `package main; import _ ` + own + `cmd/node/settings"`, ""},
		"metrics":              {"topic/metrics.go", `package topic; import "github.com/prometheus/client_golang/prometheus"; var _ prometheus.Counter`, ""},
		"registerer":           {"topic/a.go", `package topic; import "github.com/prometheus/client_golang/prometheus"; type Config struct{ R prometheus.Registerer }`, ""},
		"hidden protoactor":    {"actors/a.go", `package actors; import "github.com/asynkron/protoactor-go/actor"; type T struct{ p *actor.PID }; type t[M any] struct{ P *actor.PID }; func (*t[M]) F(*actor.PID) {}; func f(*actor.PID) {}`, ""},
		"module of its own":    {"bench/peers/a.go", `package main; import _ "github.com/centrifugal/centrifuge"`, ""},
		"data of tests":        {"topic/testdata/a.go", `package x; import _ "example.com/x"`, ""},
		"the standard library": {"topic/a.go", `package topic; import _ "net/http"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := parseModule(fstest.MapFS{
				c.file:               {Data: []byte(c.text)},
				"bench/peers/go.mod": {Data: []byte("module peers")},
			})
			if err != nil {
				t.Fatal(err)
			}
			faults := floorFaults(files)
			if c.want == "" && len(faults) > 0 {
				t.Errorf("refused: %s", faults)
			}
			if c.want != "" && !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
		})
	}
}
