//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/troupe-rt/troupe/bench/proc"
)

// Environment variables of a forwarder process.
const (
	urlVar  = "TROUPE_OUTBOX_URL"
	nameVar = "TROUPE_OUTBOX_NODE"
)

const closeWithin = 10 * time.Second

// startForwarder starts this program once more.
func startForwarder(ctx context.Context, url, name string) (*proc.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return proc.Start(ctx, proc.Command{Path: self, Env: []string{urlVar + "=" + url, nameVar + "=" + name}})
}

// forwardIfAsked is the forwarder process. It does not return there.
func forwardIfAsked(ctx context.Context) {
	url := os.Getenv(urlVar)
	if url == "" {
		return
	}
	if err := forward(ctx, url, os.Getenv(nameVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// forward is a node that forwards until ctx ends.
func forward(ctx context.Context, url, name string) error {
	n, err := startNode(context.WithoutCancel(ctx), url, name, true)
	if err != nil {
		return err
	}
	<-ctx.Done()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	return n.Drain(within)
}
