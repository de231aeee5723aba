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
	"syscall"

	"github.com/troupe-rt/troupe/bench/child"
)

func main() {
	child.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, and children with it
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code: 0, 1 if something was measured
// to be wrong, 2 if the command line was.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	case s.list:
		list(stdout)
		return 0
	}
	failed, err := measure(ctx, s, stdout, stderr)
	return exitCode(failed, err, stderr)
}

func exitCode(failed bool, err error, stderr io.Writer) int {
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	case failed:
		fmt.Fprintln(stderr, "bench: something failed; see the tables")
		return 1
	}
	return 0
}
