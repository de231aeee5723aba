package web

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"
)

// What the page tells people to type must work as it stands.
func TestSnippetsWork(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	ctx, cancel := context.WithTimeout(t.Context(), patience) // ends a command that hangs
	defer cancel()
	script := get[string](w, "document.querySelector('#panel-js code').textContent")
	w.do("(async () => {" + script + "})()")
	w.shows("hello")

	commands := get[string](w, "document.querySelector('#panel-sh code').textContent")
	commands = strings.ReplaceAll(strings.ReplaceAll(commands, "\\\n", ""), "go run ./cmd/node", buildNode(t))
	for line := range strings.Lines(commands) {
		if strings.TrimSpace(line) == "" || strings.Contains(line, " tail ") || strings.HasPrefix(line, "curl") {
			continue // tail does not end; curl may not be here
		}
		if out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	w.shows("hello", "hello")
	names := get[string](w, "[...document.querySelectorAll('#log .by b')].map((e) => e.textContent).join()")
	if names != "Console,Shell" {
		t.Errorf("names %q", names)
	}

	line, _, _ := strings.Cut(commands, "\n") // tail
	tail := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
	out, err := tail.StdoutPipe()
	w.must("pipe", err)
	w.must("tail", tail.Start())
	lines := bufio.NewReader(out)
	for range 2 {
		said, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(said, `"text":"hello"`) {
			t.Errorf("%s: %v %q", line, err, said)
		}
	}
	w.must("end tail", tail.Process.Kill())
	_ = tail.Wait() // says that it was killed
}
