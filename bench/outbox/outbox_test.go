//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	forwardIfAsked(context.Background()) // is ended by its starter
	goleak.VerifyTestMain(m)
}

// small is everything with few rows.
var small = []string{"--rows", "2000", "--topics", "9", "--forwarders", "2", "--kill", "500ms", "--within", "1m"}

func TestOutbox(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	stdout := play(t, append(small, "--out", out))
	for _, want := range []string{"PASSED", " by 16 writers", "2 receivers in 9 topics"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	for pattern, want := range map[string]int{"writer-*": 16, "receiver-*": 2} {
		if files, err := filepath.Glob(filepath.Join(out, pattern)); err != nil || len(files) != want {
			t.Errorf("records %s: %d, %v, want %d", pattern, len(files), err, want)
		}
	}
	spoilt(t, out)
}

// spoilt shows that what passed was looked at: without one line it fails.
func spoilt(t *testing.T, out string) {
	t.Helper()
	name := filepath.Join(out, "receiver-1")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[len(lines)/2] = nil
	if err := os.WriteFile(name, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := verdict(out); err != nil || v.Passed() || v.FaultCount == 0 {
		t.Errorf("a record that lacks a row: %v, %v", v, err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	stdout := play(t, append(small, "--cut", "500ms"))
	if !strings.Contains(stdout, "PASSED") || strings.Contains(stdout, "connections cut 0 times") {
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
		"":                         "",
		"--kill 0s --rows 1":       "",
		"--rows 0 --workers 99":    "--workers: 99",
		"--delay -1s":              "negative",
		"surplus":                  "not a flag",
		"--topics 0 --receivers 0": "--receivers: 0",
	} {
		_, err := parse(strings.Fields(args), io.Discard)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	if code := run(t.Context(), []string{"--rows", "0"}, io.Discard, io.Discard); code != 2 {
		t.Errorf("exit code %d", code)
	}
}
