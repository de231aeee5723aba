//go:build linux

package child_test

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/child"
	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
)

func TestMain(m *testing.M) {
	child.Main()
	goleak.VerifyTestMain(m)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = proc.Run(t.Context(), proc.Command{Path: self, Env: []string{"TROUPE_BENCH_ROLE=juggler"}})
	if err == nil || !strings.Contains(err.Error(), `no role "juggler"`) {
		t.Errorf("an unknown role: %v", err)
	}
	if child.Main(); os.Getenv("TROUPE_BENCH_ROLE") != "" {
		t.Error("the test plays a role")
	}
}

func TestFloorServes(t *testing.T) {
	t.Parallel()
	address, err := proc.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command, err := child.Floor(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proc.Start(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := p.Ready(t.Context(), "http://"+address+"/healthz"); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestInProcessPrintsFigures(t *testing.T) {
	t.Parallel()
	command, err := child.InProcess(inproc.Task{Program: "publish", Count: 200, Payload: 200})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := proc.Run(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	var figures map[string]float64
	if err := json.Unmarshal(out, &figures); err != nil || figures[report.PostedPerS] <= 0 {
		t.Errorf("got %s, %v", out, err)
	}
}
