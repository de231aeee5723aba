//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-rt/troupe/bench/outbox/check"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, and children with it
	forwardIfAsked(ctx)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code: 0, 1 if a promise was broken or something did not come back, 2 if the command
// line was wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "outbox:", err)
		return 2
	}
	passed, err := perform(ctx, s, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "outbox:", err)
	}
	if err != nil || !passed {
		return 1
	}
	return 0
}

// perform plays the scene and checks the records.
func perform(ctx context.Context, s settings, stdout, stderr io.Writer) (passed bool, err error) {
	dir, err := os.MkdirTemp("", "troupe-outbox-")
	if err != nil {
		return false, fmt.Errorf("outbox: %w", err)
	}
	defer os.RemoveAll(dir)
	folder, err := recordFolder(s)
	if err != nil {
		return false, err
	}
	began := time.Now()
	log := func(format string, args ...any) {
		fmt.Fprintf(stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	x, err := open(ctx, s, dir, folder, log)
	if err != nil {
		return false, err
	}
	played := x.play(ctx)
	x.close()
	v, err := verdict(folder)
	if err != nil {
		return false, errors.Join(played, err)
	}
	fmt.Fprintf(stdout, "%s%s", x.account(), v)
	passed = v.Passed() && played == nil
	if passed && s.out == "" {
		return true, os.RemoveAll(folder)
	}
	fmt.Fprintln(stderr, "the records are in", folder)
	return passed, played
}

func recordFolder(s settings) (folder string, err error) {
	if folder = s.out; folder == "" {
		folder, err = os.MkdirTemp("", "troupe-records-")
	} else {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("outbox: %w", err)
	}
	return folder, nil
}

// verdict reads all records of a folder: writers before receivers.
func verdict(folder string) (check.Verdict, error) {
	c := check.New()
	for _, kind := range []struct {
		name string
		read func(string, io.Reader) error
	}{{"writer", c.Writer}, {"receiver", c.Receiver}} {
		files, err := filepath.Glob(filepath.Join(folder, kind.name+"-*"))
		if err != nil {
			return check.Verdict{}, fmt.Errorf("outbox: %w", err)
		}
		for _, name := range files {
			file, err := os.Open(name)
			if err != nil {
				return check.Verdict{}, fmt.Errorf("outbox: %w", err)
			}
			err = kind.read(strings.TrimPrefix(name, folder+"/"), file)
			file.Close()
			if err != nil {
				return check.Verdict{}, err
			}
		}
	}
	return c.Verdict(), nil
}
