package cluster_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const readmeProgram = "testdata/embed/main.go"

// The program that the README shows is the one that TestReadmeProgramRuns runs.
func TestReadmeShowsProgram(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(readmeProgram)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, append(append([]byte("```go\n"), program...), "```"...)) {
		t.Errorf("README.md does not show %s as it is; copy it there", readmeProgram)
	}
}

func TestReadmeProgramRuns(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "embed")
	if out, err := exec.Command("go", "build", "-o", binary, "./"+readmeProgram).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	addr := freeAddress(t)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "ADDR="+addr)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the program said:\n%s", &output)
		}
	})
	for i := 1; i <= 2; i++ {
		want := fmt.Sprintf("kept as number %d\n", i)
		if got := say(t, "http://"+addr+"/say"); got != want {
			t.Errorf("POST /say answered %q, want %q", got, want)
		}
	}
}

// say posts as the README's curl does, as soon as the program listens.
func say(t *testing.T, to string) string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		resp, err := http.PostForm(to, url.Values{"from": {"ann"}, "text": {"hi"}})
		if err == nil {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the program does not listen: %v", err)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
