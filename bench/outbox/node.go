//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgstore"
	"github.com/troupe-rt/troupe/topic"
)

// kept is how many events topics keep: all.
const kept = 1_000_000

// A node is topics on Postgres alone.
type node struct {
	db     *pgdb.DB
	store  *pgstore.Store
	bus    *pgbus.Bus
	system *actors.System
	topics *topic.Topics
}

func startNode(ctx context.Context, url, name string) (n *node, err error) {
	n = &node{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("outbox: node %s: %w", name, err), n.close(ctx))
			n = nil
		}
	}()
	if n.db, err = pgdb.Open(ctx, pgdb.Config{URL: url, Node: name}); err != nil {
		return n, err
	}
	if _, err = n.db.Migrate(ctx); err != nil {
		return n, err
	}
	n.store = pgstore.New(pgstore.Config{DB: n.db})
	if n.bus, err = pgbus.New(pgbus.Config{DB: n.db, Node: name}); err != nil {
		return n, err
	}
	n.system = actors.NewSystem(actors.Config{})
	n.topics, err = topic.Start(topic.Config{System: n.system, Log: n.store, Relay: n.bus, Node: name, Policies: []topic.Policy{{History: kept}}})
	return n, err
}

func (n *node) close(ctx context.Context) error {
	var faults []error
	if n.topics != nil {
		faults = append(faults, n.topics.Close(ctx))
	}
	if n.system != nil {
		faults = append(faults, n.system.Close(ctx))
	}
	if n.bus != nil {
		faults = append(faults, n.bus.Close(ctx))
	}
	if n.store != nil {
		faults = append(faults, n.store.Close(ctx))
	}
	if n.db != nil {
		faults = append(faults, n.db.Close())
	}
	return errors.Join(faults...)
}
