package pglease_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestDeath cuts a node off: one survivor cleans up after it, in time.
func TestDeath(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	nodes := startThree(t, url)
	x := start(t, url, "x")
	mustSeeAll(t, append(slices.Clone(nodes), x))
	pass(t, ttl)
	cut := time.Now()
	if err := x.db.Close(); err != nil {
		t.Fatal(err)
	}
	mustCleanUp(t, nodes, 1)
	took := time.Since(cut)
	t.Logf("cleaned up %.2f leases after the cut", took.Seconds()/ttl.Seconds())
	if took < ttl/2 {
		t.Errorf("cleaned up after %v, of a lease of %v", took, ttl)
	}
	mustSeeAll(t, nodes)
	pass(t, ttl)
	if who, _ := cleanups(nodes); !slices.Equal(who, []string{"x"}) {
		t.Errorf("cleaned up after %v", who)
	}
	for _, n := range nodes {
		if n.count("died x") != 1 {
			t.Errorf("%s was told %v", n.id, n.told)
		}
	}
}

// TestRestart takes Postgres from three nodes for longer than a lease: it stops in order, or crashes, and then
// has lost what is unlogged.
func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("in order", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		nodes := startThree(t, server.Database(t))
		before := lives(nodes)
		server.Stop(t)
		pass(t, ttl+time.Second)
		server.Run(t)
		mustSeeAll(t, nodes)
		pass(t, ttl+time.Second)
		mustBeSame(t, nodes, before)
		mustBeEmptied(t, nodes, 0)
	})
	t.Run("kill -9", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		nodes := startThree(t, server.Database(t))
		before := lives(nodes)
		server.Kill()
		pass(t, ttl+time.Second)
		server.Run(t)
		mustBeEmptied(t, nodes, 1)
		mustSeeAll(t, nodes)
		pass(t, ttl+time.Second)
		mustBeSame(t, nodes, before)
		mustBeEmptied(t, nodes, 1)
	})
}

// TestDeathInCrash loses a node together with Postgres: it is cleaned up after all the same, and fences go on growing.
func TestDeathInCrash(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	nodes := startThree(t, url)
	x, y := start(t, url, "x"), start(t, url, "y")
	all := append(slices.Clone(nodes), y) // y may be the one who cleans up after x
	mustSeeAll(t, append(slices.Clone(all), x))
	_ = x.db.Close()
	mustCleanUp(t, all, 1)
	mustSeeAll(t, all)
	server.Kill()
	_ = y.db.Close()
	server.Run(t)
	mustBeEmptied(t, nodes, 1)
	mustCleanUp(t, all, 2)
	mustSeeAll(t, nodes)
	who, fences := cleanups(all)
	slices.Sort(fences)
	slices.Sort(who)
	if !slices.Equal(who, []string{"x", "y"}) || fences[0] == fences[1] {
		t.Errorf("cleaned up after %v, with fences %v", who, fences)
	}
}

// TestEmptied loses everything, as when somebody made the database anew: all are told, and nobody is lost.
func TestEmptied(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	nodes := startThree(t, url)
	before := lives(nodes)
	empty(t, url, "troupe")
	mustBeEmptied(t, nodes, 1)
	mustSeeAll(t, nodes)
	pass(t, ttl+time.Second)
	mustBeSame(t, nodes, before)
	mustBeEmptied(t, nodes, 1)
}

// TestCrash shows what a crash does not take: leases, claims, and the order of fences.
func TestCrash(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	r := pglease.New(pglease.Config{DB: pgtest.Open(t, server.Database(t), pgdb.Config{})})
	a, x, y := lease.Member{ID: "a", Incarnation: "1"}, lease.Member{ID: "x", Incarnation: "2"}, lease.Member{ID: "y", Incarnation: "3"}
	renew(t, r, x, time.Millisecond)
	renew(t, r, y, time.Millisecond)
	before := renew(t, r, a, time.Minute)
	claim := func(dead lease.Member) (fence uint64) {
		pgtest.Eventually(t, soon, "the claim", func() (err error) {
			if fence, err = r.Claim(t.Context(), lease.Claim{Dead: dead, By: a, For: time.Minute}); err == nil && fence == 0 {
				err = errors.New("not yet")
			}
			return err
		})
		return fence
	}
	fence := claim(x)
	server.Kill()
	server.Run(t)
	var v lease.View
	pgtest.Eventually(t, soon, "a renewal", func() (err error) {
		v, err = r.Renew(t.Context(), lease.Renewal{Self: x, TTL: time.Minute, Join: true})
		return err
	})
	if v.Standing != lease.Claimed || len(v.Members) != 2 || v.Life[0] != before.Life[0] || v.Life[1] == before.Life[1] {
		t.Errorf("after the crash: %+v; before it %+v", v, before)
	}
	if next := claim(y); next <= fence {
		t.Errorf("fence %d after %d", next, fence)
	}
	if err := r.Done(t.Context(), x, fence); err != nil {
		t.Error(err)
	}
}

// TestRenewalsWaitForNoDisk counts what the server writes to disk while a node renews.
func TestRenewalsWaitForNoDisk(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	db := pgtest.Open(t, url, pgdb.Config{MaxConns: 1})
	r := pglease.New(pglease.Config{DB: db})
	a := lease.Member{ID: "a", Incarnation: "1"}
	renew(t, r, a, time.Minute)
	pgtest.Exec(t, url, `select pg_stat_reset_shared('wal')`)
	began := time.Now()
	const calls = 500
	for range calls {
		renew(t, r, a, time.Minute)
	}
	most := 20 + int(time.Since(began)/(100*time.Millisecond)) // what goes on in the background
	if err := db.Close(); err != nil {                         // its process tells what it did at its end
		t.Fatal(err)
	}
	pgtest.Eventually(t, soon, "the server has counted", func() error {
		records, bytes, syncs := walOf(t, url)
		if records < calls {
			return fmt.Errorf("%d records", records)
		}
		t.Logf("%d bytes a renewal, %d times to disk in %d renewals", bytes/calls, syncs, calls)
		if syncs > most {
			t.Errorf("%d times to disk in %d renewals", syncs, calls)
		}
		return nil
	})
}

func walOf(t *testing.T, url string) (records, bytes, syncs int) {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), `select wal_records, wal_bytes::int8, wal_sync from pg_stat_wal`).Scan(&records, &bytes, &syncs); err != nil {
		t.Fatal(err)
	}
	return records, bytes, syncs
}

// TestHang stops the server's processes for longer than a lease.
func TestHang(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	nodes := startThree(t, server.Database(t))
	before := lives(nodes)
	server.Pause()
	pass(t, ttl+time.Second)
	server.Resume()
	mustSeeAll(t, nodes)
	pass(t, ttl+time.Second)
	mustBeSame(t, nodes, before)
	mustBeEmptied(t, nodes, 0)
}

// TestKilledConnections ends all connections again and again, for three leases.
func TestKilledConnections(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	nodes := startThree(t, server.Database(t))
	before := lives(nodes)
	for began := time.Now(); time.Since(began) < 3*ttl; pass(t, ttl/6) {
		server.KillClients(t)
	}
	mustSeeAll(t, nodes)
	mustBeSame(t, nodes, before)
	mustBeEmptied(t, nodes, 0)
}
