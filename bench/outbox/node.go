//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

// kept is how many events topics keep: all.
const kept = 1_000_000

// startNode starts a node on Postgres alone.
func startNode(ctx context.Context, url, name string, forwards bool) (*cluster.Node, error) {
	cfg := cluster.Config{ID: name, Postgres: url, Topics: []topic.Policy{{History: kept}}}
	if forwards {
		cfg.Outbox = &outbox.Config{}
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	n, err := cluster.Start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("outbox: node %s: %w", name, err)
	}
	return n, nil
}
