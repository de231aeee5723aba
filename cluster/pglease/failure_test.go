package pglease_test

import (
	"slices"
	"testing"
	"time"

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

// TestRestart restarts Postgres under three nodes: in order after longer than a lease, and as a crash, which
// empties the tables.
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
	mustSeeAll(t, append(slices.Clone(nodes), x, y))
	_ = x.db.Close()
	mustCleanUp(t, nodes, 1)
	mustSeeAll(t, append(slices.Clone(nodes), y))
	server.Kill()
	_ = y.db.Close()
	server.Run(t)
	mustBeEmptied(t, nodes, 1)
	mustCleanUp(t, nodes, 2)
	mustSeeAll(t, nodes)
	who, fences := cleanups(nodes)
	slices.Sort(fences)
	slices.Sort(who)
	if !slices.Equal(who, []string{"x", "y"}) || fences[0] == fences[1] {
		t.Errorf("cleaned up after %v, with fences %v", who, fences)
	}
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
