package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the node that all tests start, built by the first.
var program struct {
	once sync.Once
	path string
	dir  string
	err  error
}

func buildNode(t *testing.T) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "troupe-node-"); program.err != nil {
			return
		}
		program.path = filepath.Join(program.dir, "node")
		var out []byte
		if out, program.err = exec.Command("go", "build", "-o", program.path, "..").CombinedOutput(); program.err != nil {
			t.Logf("go build: %s", out)
		}
	})
	if program.err != nil {
		t.Fatalf("build the node: %v", program.err)
	}
	return program.path
}

// A node is a real process on a port that stays the same when it is started
// again.
type node struct {
	t      *testing.T
	listen string
	args   []string
	cmd    *exec.Cmd
	read   chan struct{} // closed when its output has ended
}

// serveNode starts a node; it is killed when the test ends.
func serveNode(t *testing.T, args ...string) *node {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, listen: l.Addr().String(), args: args}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n.start()
	t.Cleanup(n.kill)
	return n
}

func (n *node) url() string { return "http://" + n.listen + "/" }

// start returns when the node says that it serves.
func (n *node) start() {
	n.t.Helper()
	n.cmd = exec.Command(buildNode(n.t), append([]string{"--listen", n.listen}, n.args...)...)
	n.cmd.Env = []string{"HOME=" + n.t.TempDir()} // nobody's settings
	out, err := n.cmd.StderrPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() }) // ends the reading below
	defer late.Stop()
	lines := bufio.NewReader(out)
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if strings.Contains(line, "node is serving") {
			break
		}
		if err != nil {
			n.t.Fatalf("the node did not start: %v\n%s", err, said.String())
		}
	}
	read := make(chan struct{})
	n.read = read
	go func() { // a full pipe would stop the node
		defer close(read)
		_, _ = io.Copy(io.Discard, lines)
	}()
}

// kill is kill -9. It does nothing to a node that has been killed.
func (n *node) kill() {
	if n.cmd.ProcessState != nil {
		return
	}
	_ = n.cmd.Process.Kill() // fails only if it has ended by itself
	<-n.read
	_ = n.cmd.Wait() // says that it was killed
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

const lostAnswer = `(async () => {
  let socket, n = 0;
  const Real = WebSocket;
  globalThis.WebSocket = class extends Real { constructor(...a) { super(...a); socket = this; } };
  const { connect } = await import('/troupe.js');
  const client = globalThis.client = connect();
  globalThis.seen = [];
  await client.subscribe('t', (e) => seen.push(e.data), { since: 0 });
  globalThis.publish = () => { globalThis.answer = client.publish('t', 'e', 'once').then((a) => (globalThis.answered = a)); };
  globalThis.lose = () => socket.onclose({ code: 1006, reason: '' });
})()`

func TestLostAnswerIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 800, 600)
	n := serveNode(t)
	w.visit(n.url() + "stats")
	w.do(lostAnswer)
	n.signal(syscall.SIGSTOP) // the frame lies in its socket, the answer does not come
	w.do("publish(); lose(); client.retry()")
	n.signal(syscall.SIGCONT)
	w.until("globalThis.answered !== undefined")
	w.do("client.publish('t', 'e', 'last')")
	w.until("seen.at(-1) === 'last'")
	if got := get[string](w, "seen.join()"); got != "once,last" {
		t.Errorf("events: %s, want each once", got)
	}
	if !get[bool](w, "answered.duplicate") {
		t.Error("the second publish is not told to be a duplicate, so the first did not arrive and nothing was tested")
	}
}
