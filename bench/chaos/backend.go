//go:build linux

package main

import (
	"context"

	"github.com/troupe-rt/troupe/bench/pgd"
	"github.com/troupe-rt/troupe/bench/redisd"
)

// A backend is a server that the nodes share.
type backend interface {
	URL() string
	Run(ctx context.Context) error // again, after Stop or Kill
	Stop()
	Kill()
	CutClients(ctx context.Context) error
}

func openBackend(ctx context.Context, s settings, dir string) (backend, error) {
	if s.backend == onPostgres {
		return pgd.Start(ctx, dir)
	}
	return redisd.Start(ctx, dir, "--appendonly", "yes", "--appendfsync", s.fsync)
}
