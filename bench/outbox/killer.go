//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// leaderSQL is the name of the connection that holds the lock of the outbox.
const leaderSQL = `select a.application_name from pg_locks l join pg_stat_activity a using (pid)
	where l.locktype = 'advisory' and l.mode = 'ExclusiveLock' and l.granted and a.application_name like 'troupe forwarder-% outbox'`

// leader is the number of the forwarder that leads, -1: none does.
func (x *scene) leader(ctx context.Context) int {
	conn, err := pgx.Connect(ctx, x.server.URL())
	if err != nil {
		return -1
	}
	defer conn.Close(ctx)
	var name string
	if err := conn.QueryRow(ctx, leaderSQL).Scan(&name); err != nil {
		return -1
	}
	i := -1
	if _, err := fmt.Sscanf(strings.TrimPrefix(name, "troupe "), "forwarder-%d outbox", &i); err != nil || i >= len(x.forwarders) {
		return -1
	}
	return i
}

// killLeaders kills the forwarder that leads, and starts again those that have ended, until ctx ends.
func (x *scene) killLeaders(ctx context.Context) error {
	every := x.s.kill
	if every == 0 {
		every = time.Second // those whose connection is cut while they start end, too
	}
	for {
		if pause(ctx, every); ctx.Err() != nil {
			return nil
		}
		if i := x.leader(ctx); i >= 0 && x.s.kill > 0 {
			x.forwarders[i].Kill()
			x.forwarders[i].Stop()
			x.kills++
		}
		for i, p := range x.forwarders {
			select {
			case <-p.Ended():
			default:
				continue
			}
			p, err := startForwarder(x.ctx, x.server.URL(), fmt.Sprint("forwarder-", i))
			if err != nil {
				return err
			}
			x.forwarders[i] = p
		}
	}
}

// cutConnections cuts all connections of Postgres, until ctx ends.
func (x *scene) cutConnections(ctx context.Context) error {
	for x.s.cut > 0 {
		if pause(ctx, x.s.cut); ctx.Err() != nil {
			return nil
		}
		within, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := x.server.CutClients(within)
		cancel()
		if err != nil && ctx.Err() == nil {
			return err
		}
		x.cuts++
	}
	return nil
}
