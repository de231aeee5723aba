//go:build linux

package proc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/proc"
)

// starterVar makes the test binary start a process, print its number, and wait
// to be killed.
const starterVar = "TROUPE_PROC_TEST_STARTER"

func TestMain(m *testing.M) {
	if os.Getenv(starterVar) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	p, err := proc.Start(context.Background(), shell("exec sleep 600"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	_ = p.Wait()
}

func TestServersDieWithTheirStarter(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	starter := exec.Command(self)
	starter.Env = append(os.Environ(), starterVar+"=1")
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Error(err)
	}
	_ = starter.Process.Kill()
	_ = starter.Wait()
	// The kernel sends the signal when the starter is gone; it takes a moment.
	for deadline := time.Now().Add(10 * time.Second); !ended(pid); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its starter", pid)
		}
	}
}

// ended is true for a zombie, too: nobody may be there to reap it.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func shell(script string) proc.Command {
	return proc.Command{Path: "/bin/sh", Args: []string{"-c", script}}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestStopEndsTheProcess(t *testing.T) {
	t.Parallel()
	p, err := proc.Start(t.Context(), shell("exec sleep 600"))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if !gone(p.PID()) {
		t.Error("the process lives")
	}
	p.Stop() // again does nothing
}

func TestContextEndsTheProcess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := proc.Start(ctx, shell("trap '' TERM; while :; do sleep 1; done"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.Wait(); err == nil {
		t.Error("it ended well")
	}
	if !gone(p.PID()) {
		t.Error("the process lives")
	}
}

func TestReadySaysWhyNot(t *testing.T) {
	t.Parallel()
	p, err := proc.Start(t.Context(), shell("echo no such thing >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	err = p.Ready(t.Context(), "http://127.0.0.1:1/healthz")
	if err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
}

func TestReadyWaits(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	p, err := proc.Start(t.Context(), shell("exec sleep 600"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := p.Ready(t.Context(), s.URL); err != nil || asked != 3 {
		t.Errorf("got %v after %d questions", err, asked)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	out, _, err := proc.Run(t.Context(), proc.Command{Path: "/bin/sh", Args: []string{"-c", "echo $WORD; echo aside >&2"}, Env: []string{"WORD=here"}})
	if err != nil || string(out) != "here\n" {
		t.Errorf("got %q, %v", out, err)
	}
	_, _, err = proc.Run(t.Context(), shell("echo the reason >&2; exit 1"))
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v", err)
	}
}

func TestUsageSeesWork(t *testing.T) {
	t.Parallel()
	own, self, busy := usage(t)
	for sink := 0; proc.SelfCPU()-self < 60*time.Millisecond; sink++ {
		_ = fmt.Sprint(sink)
	}
	ownAfter, _, busyAfter := usage(t)
	if ownAfter-own < 30*time.Millisecond {
		t.Errorf("60 ms of work show as %s of CPU time", ownAfter-own)
	}
	if busyAfter <= busy {
		t.Error("the machine was not busy")
	}
	if rss, err := proc.RSS(os.Getpid()); err != nil || rss < 1<<20 {
		t.Errorf("resident memory is %d, %v", rss, err)
	}
	if _, err := proc.CPU(-1); err == nil {
		t.Error("a process that can not be has CPU time")
	}
}

func usage(t *testing.T) (own, self, busy time.Duration) {
	t.Helper()
	own, err := proc.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if busy, err = proc.Busy(); err != nil {
		t.Fatal(err)
	}
	return own, proc.SelfCPU(), busy
}

func TestScrape(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "# HELP a b\n# TYPE a gauge\ngo_memstats_mallocs_total 1.5e+06\nwith{label=\"x\"} 1\nbroken\nnot_a_number x\ngo_goroutines 7\n")
	}))
	defer s.Close()
	got, err := proc.Scrape(t.Context(), s.URL+"/metrics")
	if err != nil || len(got) != 2 || got["go_memstats_mallocs_total"] != 1.5e6 || got["go_goroutines"] != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := proc.Scrape(t.Context(), s.URL+"/other"); err == nil {
		t.Error("a 404 is taken for metrics")
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	if m := proc.Describe(); m.Cores < 1 || m.Kernel == "" || m.Go == "" {
		t.Errorf("got %+v", m)
	}
}

func TestFreeAddressIsLoopback(t *testing.T) {
	t.Parallel()
	for _, find := range []func(context.Context) (string, error){proc.FreeAddress, proc.LastingAddress} {
		address, err := find(t.Context())
		if err != nil || !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("got %q, %v", address, err)
		}
	}
}
