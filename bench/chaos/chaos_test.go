//go:build linux

package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is every kind of trouble with few messages.
var small = []string{"--messages", "4000", "--topics", "6", "--publishers", "5", "--subscribers", "1",
	"--rate", "1500", "--down", "200ms", "--cut", "500ms"}

func TestChaos(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	stdout := play(t, append(small, "--out", out))
	for _, want := range []string{"4000 acknowledged", "PASSED", "announced     0 times", "6 epochs of 6 topics", "connection lost"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	for pattern, want := range map[string]int{"subscriber-*": 3, "publisher-*": 5, "log-*": 4} {
		if files, err := filepath.Glob(filepath.Join(out, pattern)); err != nil || len(files) != want {
			t.Errorf("records %s: %d, %v, want %d", pattern, len(files), err, want)
		}
	}
	spoilt(t, out)
}

// spoilt shows that what passed was looked at: without one line it fails.
func spoilt(t *testing.T, out string) {
	t.Helper()
	s, err := parse(small, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(out, "subscriber-001")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		if i > len(lines)/2 && bytes.HasPrefix(line, []byte("event ")) {
			lines[i] = nil
			break
		}
	}
	if err := os.WriteFile(name, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := verdict(s, out); err != nil || v.Passed() || v.FaultCount == 0 {
		t.Errorf("a record that lacks an event: %v, %v", v, err)
	}
}

func TestChaosOnPostgres(t *testing.T) {
	t.Parallel()
	stdout := play(t, append(small, "--backend", "postgres", "--restart", "kill"))
	for _, want := range []string{"4000 acknowledged", "PASSED", "6 epochs of 6 topics", "connection lost"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

func TestChaosEmptied(t *testing.T) {
	t.Parallel()
	stdout := play(t, append(small, "--restart", "empty"))
	if !strings.Contains(stdout, "PASSED") || strings.Contains(stdout, "announced     0 times") ||
		strings.Contains(stdout, " 6 epochs of 6 topics") {
		t.Errorf("got\n%s", stdout)
	}
}

func play(t *testing.T, args []string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stderr.String(), stdout.String())
	}
	return stdout.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                 "",
		"--restart old --rate 0":           "",
		"--messages 0 --nodes 99":          "--nodes: 99",
		"--restart never":                  "is none of keep",
		"--appendfsync sometimes":          "everysec",
		"--backend mysql":                  "neither redis",
		"--backend postgres --restart old": "keeps what it acknowledged",
		"--down -1s":                       "negative",
		"surplus":                          "not a flag",
		"--payload 10 --publishers 0":      "--publishers: 0",
	} {
		_, err := parse(strings.Fields(args), io.Discard)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	if code := run(t.Context(), []string{"--nodes", "0"}, io.Discard, io.Discard); code != 2 {
		t.Errorf("exit code %d", code)
	}
}
