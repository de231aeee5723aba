//go:build linux

package child

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/troupe-rt/troupe/bench/floor"
	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
)

// Environment variables of a child.
const (
	roleVar = "TROUPE_BENCH_ROLE"
	argVar  = "TROUPE_BENCH_ARG"
)

const (
	roleFloor  = "floor"
	roleInProc = "inproc"
)

// Floor starts the floor server on a loopback address.
func Floor(listen string) (proc.Command, error) { return command(roleFloor, listen) }

// InProcess starts a program of bench/inproc, which prints its figures as JSON.
func InProcess(t inproc.Task) (proc.Command, error) {
	task, err := json.Marshal(t)
	if err != nil {
		return proc.Command{}, fmt.Errorf("child: %w", err)
	}
	return command(roleInProc, string(task))
}

func command(role, arg string) (proc.Command, error) {
	self, err := os.Executable()
	if err != nil {
		return proc.Command{}, fmt.Errorf("child: %w", err)
	}
	return proc.Command{Path: self, Env: []string{roleVar + "=" + role, argVar + "=" + arg}}, nil
}

// Main plays the role that the environment names and ends the process. Without
// one it returns.
func Main() {
	role := os.Getenv(roleVar)
	if role == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, role, os.Getenv(argVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(ctx context.Context, role, arg string) error {
	switch role {
	case roleFloor:
		return floor.Serve(ctx, arg)
	case roleInProc:
		return playInProcess(ctx, arg)
	}
	return fmt.Errorf("child: no role %q", role)
}

func playInProcess(ctx context.Context, arg string) error {
	var t inproc.Task
	if err := json.Unmarshal([]byte(arg), &t); err != nil {
		return fmt.Errorf("child: read the task: %w", err)
	}
	figures, err := inproc.Run(ctx, t)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}
