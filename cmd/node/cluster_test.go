package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/gateway/wsclient"
	"github.com/troupe-rt/troupe/cmd/node/inspect"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// a peer is a real process that is one of a cluster.
type peer struct {
	url    string
	cmd    *exec.Cmd
	stderr output
}

// backendFlag is the flag for the URL of a backend.
func backendFlag(url string) string {
	if strings.HasPrefix(url, "postgres://") {
		return "--postgres"
	}
	return "--redis"
}

// onEach runs a test on every backend that makes nodes a cluster.
func onEach(t *testing.T, f func(t *testing.T, backend string)) {
	t.Helper()
	for name, start := range map[string]func(t *testing.T) string{
		"Redis":    func(t *testing.T) string { return redistest.Start(t).URL() },
		"Postgres": func(t *testing.T) string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, start(t))
		})
	}
}

// startPeer starts the binary on a free port with a backend, and waits until it is ready.
func startPeer(t *testing.T, backend string, args ...string) *peer {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	p := &peer{url: "http://" + addr, cmd: exec.Command(name, append([]string{"--listen", addr, backendFlag(backend), backend}, args...)...)}
	p.cmd.Env, p.cmd.Stderr = []string{"HOME=" + t.TempDir()}, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", p.url, &p.stderr)
		}
	})
	eventually(t, func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/readyz", nil)
		if err != nil {
			return err
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, &p.stderr)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz: %s", resp.Status)
		}
		return nil
	})
	return p
}

func (p *peer) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// member is how a node sees another, nil if it does not see it.
func (p *peer) member(t *testing.T, of *peer) *inspect.Member {
	t.Helper()
	for _, m := range membersOf(t, p.url) {
		if m.Address == of.url {
			return &m
		}
	}
	return nil
}

// sees waits until a node sees exactly these as alive.
func (p *peer) sees(t *testing.T, alive ...*peer) {
	t.Helper()
	eventually(t, func() error {
		count := 0
		for _, m := range membersOf(t, p.url) {
			if m.State == "alive" {
				count++
			}
		}
		for _, want := range alive {
			if m := p.member(t, want); m == nil || m.State != "alive" {
				return fmt.Errorf("%s sees %s as %+v", p.url, want.url, m)
			}
		}
		if count != len(alive) {
			return fmt.Errorf("%s sees %d alive, want %d", p.url, count, len(alive))
		}
		return nil
	})
}

// misses waits until a node sees another as dead, or no longer.
func (p *peer) misses(t *testing.T, dead *peer) {
	t.Helper()
	eventually(t, func() error {
		if m := p.member(t, dead); m != nil && m.State != "dead" {
			return fmt.Errorf("%s still sees %+v", p.url, m)
		}
		return nil
	})
}

// connect opens a connection as a browser does.
func connect(t *testing.T, p *peer) *wsclient.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	transport := &http.Client{Transport: &http.Transport{}}
	conn, err := wsclient.Dial(ctx, strings.Replace(p.url, "http", "ws", 1)+"/ws", wsclient.Options{HTTPClient: transport})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); transport.CloseIdleConnections() })
	return conn
}

// follow connects and subscribes to a topic from its beginning.
func follow(t *testing.T, p *peer, name string) *wsclient.Conn {
	t.Helper()
	conn := connect(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := conn.Subscribe(ctx, name, &topic.Position{}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// seen is an event that can be compared.
type seen struct {
	Seq        uint64
	Name, Data string
}

func next(t *testing.T, conn *wsclient.Conn) seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		e, err := conn.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for an event: %v", err)
		}
		if !strings.HasPrefix(e.Topic, "__") { // who is there, and where they point
			return seen{e.Seq, e.Event, string(e.Data)}
		}
	}
}

// TestClusterDelivers publishes on two nodes at once: clients of both get every
// event once, with the same numbers in the same order, whatever the backend is.
func TestClusterDelivers(t *testing.T) {
	t.Parallel()
	onEach(t, delivers)
	t.Run("Redis Cluster", func(t *testing.T) {
		t.Parallel()
		delivers(t, redistest.StartCluster(t, 3).URL())
	})
}

func delivers(t *testing.T, backend string) {
	t.Helper()
	a, b := startPeer(t, backend), startPeer(t, backend)
	a.sees(t, a, b)
	onA, onB := follow(t, a, "room:1"), follow(t, b, "room:1")
	const each = 100
	errs := make(chan error, 2)
	for _, conn := range []*wsclient.Conn{connect(t, a), connect(t, b)} {
		go func() {
			for i := range each {
				if _, err := conn.Publish(t.Context(), "room:1", "said", fmt.Append(nil, i), ""); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for i := range 2 * each {
		x, y := next(t, onA), next(t, onB)
		if x != y || x.Seq != uint64(i+1) {
			t.Fatalf("event %d: node a gave %+v, node b %+v", i+1, x, y)
		}
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	late := follow(t, b, "room:1") // what came before, in the same order
	for i := range 2 * each {
		if e := next(t, late); e.Seq != uint64(i+1) {
			t.Fatalf("who came late got %+v as number %d", e, i+1)
		}
	}
	publish(t, a.url, "room:1", "said", `"last"`)
	for _, conn := range []*wsclient.Conn{onA, onB, late} { // nothing came twice in between
		if e := next(t, conn); e.Seq != 2*each+1 || e.Data != `"last"` {
			t.Errorf("last is %+v", e)
		}
	}
}

// TestKilledNodeIsFoundDead kills a node: the others see it go within the lease
// and a little, and its clients find everything on another node.
func TestKilledNodeIsFoundDead(t *testing.T) {
	t.Parallel()
	onEach(t, killed)
}

func killed(t *testing.T, backend string) {
	a, b := startPeer(t, backend), startPeer(t, backend)
	a.sees(t, a, b)
	b.sees(t, a, b)
	publish(t, a.url, "room:1", "said", "1")
	at := time.Now()
	a.signal(t, syscall.SIGKILL)
	b.misses(t, a)
	if took := time.Since(at); took < 3500*time.Millisecond || took > 12*time.Second {
		t.Errorf("found dead after %s, want about 6 s", took)
	} else {
		t.Logf("found dead after %s", took)
	}
	b.sees(t, b)
	if e := next(t, follow(t, b, "room:1")); e.Seq != 1 {
		t.Errorf("the history went with the node: %+v", e)
	}
}

// TestPausedNodeComesBack stops a process for longer than its lease: it is
// found dead, and lives on under a new incarnation.
func TestPausedNodeComesBack(t *testing.T) {
	t.Parallel()
	onEach(t, paused)
}

func paused(t *testing.T, backend string) {
	a, b := startPeer(t, backend), startPeer(t, backend)
	a.sees(t, a, b)
	b.sees(t, a, b)
	before := b.member(t, a)
	from := follow(t, a, "room:1")
	a.signal(t, syscall.SIGSTOP)
	b.misses(t, a)
	publish(t, b.url, "room:1", "said", `"meanwhile"`)
	a.signal(t, syscall.SIGCONT)
	b.sees(t, a, b)
	a.sees(t, a, b)
	after := b.member(t, a)
	if after.ID != before.ID || after.Incarnation == before.Incarnation {
		t.Errorf("was %+v, came back as %+v", before, after)
	}
	if e := next(t, from); e.Data != `"meanwhile"` || e.Seq != 1 {
		t.Errorf("its client got %+v", e)
	}
	publish(t, b.url, "room:1", "said", `"again"`)
	if e := next(t, from); e.Data != `"again"` || e.Seq != 2 {
		t.Errorf("its client got %+v", e)
	}
}

// TestStoppedNodeLeaves ends a node gently: the others see it go at once.
func TestStoppedNodeLeaves(t *testing.T) {
	t.Parallel()
	onEach(t, leaves)
}

func leaves(t *testing.T, backend string) {
	a, b := startPeer(t, backend), startPeer(t, backend)
	b.sees(t, a, b)
	a.signal(t, syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	ended := time.Now()
	b.sees(t, b)
	if took := time.Since(ended); took > 4*time.Second {
		t.Errorf("gone after %s", took)
	}
}

// TestLogsAreJSON has each line of a node of a cluster, in an outage too, as
// JSON: nothing in it writes past the logger.
func TestLogsAreJSON(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := startPeer(t, redis.URL())
	redis.Stop(t, false)
	eventually(t, func() error {
		if status, _ := get(t, a.url+"/readyz", nil); status != http.StatusServiceUnavailable {
			return fmt.Errorf("readyz: %d", status)
		}
		return nil
	})
	redis.Run(t)
	eventually(t, func() error {
		if status, _ := get(t, a.url+"/readyz", nil); status != http.StatusOK {
			return fmt.Errorf("readyz: %d", status)
		}
		return nil
	})
	a.signal(t, syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	lines := bufio.NewScanner(strings.NewReader(a.stderr.String()))
	for lines.Scan() {
		if !json.Valid(lines.Bytes()) {
			t.Errorf("not JSON: %s", lines.Text())
		}
	}
}
