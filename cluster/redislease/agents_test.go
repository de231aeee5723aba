package redislease_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/redislease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// ttl is half of the default, as tests wait for it.
const ttl = lease.DefaultTTL / 2

const soon = 30 * time.Second

// A node is an agent with a breaker and a connection of its own.
type node struct {
	t     *testing.T
	id    string
	conn  *redisconn.Conn
	agent *lease.Agent

	mu    sync.Mutex
	told  []string
	clean []string
}

func start(t *testing.T, url, id string) *node {
	t.Helper()
	n := &node{t: t, id: id}
	system := actors.NewSystem(actors.Config{})
	b, err := breaker.New(system, breaker.Options{Backend: "redis", ResetTimeout: time.Second, ProbeTimeout: 3 * time.Second,
		Answered: redisconn.Answered, Reason: redisconn.Reason})
	if err != nil {
		t.Fatal(err)
	}
	n.conn = open(t, redisconn.Config{URL: url, Breaker: b})
	n.agent, err = lease.Start(t.Context(), lease.Config{
		Registry: redislease.New(redislease.Config{Conn: n.conn}), TTL: ttl, Self: lease.Member{ID: id, Address: id + ":1"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	n.agent.OnChange(func(c lease.Change) { n.note(string(c.Kind) + " " + c.Member.ID) })
	n.agent.OnLost(func(_, _ lease.Member) { n.note("lost") })
	n.agent.OnEmptied(func() { n.note("emptied") })
	n.agent.OnCleanup(func(_ context.Context, dead lease.Member, fence uint64) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.clean = append(n.clean, dead.ID)
		if fence == 0 {
			return errors.New("no fence")
		}
		return nil
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.agent.Close(ctx)
		_ = n.conn.Close()
		if err := system.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

func startThree(t *testing.T, url string) []*node {
	t.Helper()
	nodes := []*node{start(t, url, "a"), start(t, url, "b"), start(t, url, "c")}
	mustSeeAll(t, nodes)
	return nodes
}

func (n *node) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, what)
}

func (n *node) count(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, told := range n.told {
		if told == what {
			count++
		}
	}
	return count
}

// mustSeeAll waits until each node sees all alive, with leases that end after now.
func mustSeeAll(t *testing.T, nodes []*node) {
	t.Helper()
	now := time.Now()
	redistest.Eventually(t, soon, "all see all alive", func() error {
		for _, n := range nodes {
			members := n.agent.Members()
			if len(members) != len(nodes) {
				return fmt.Errorf("%s sees %d members", n.id, len(members))
			}
			for _, l := range members {
				if l.State != lease.Alive || !l.Until.After(now.Add(ttl/2)) {
					return fmt.Errorf("%s sees %s %s until %v", n.id, l.ID, l.State, l.Until.Sub(now))
				}
			}
		}
		return nil
	})
}

// pass lets real time pass, in which something must not happen.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

func lives(nodes []*node) (all []lease.Member) {
	for _, n := range nodes {
		all = append(all, n.agent.Self())
	}
	return all
}

// mustBeSame checks that nobody was lost or came, but for who joined at first.
func mustBeSame(t *testing.T, nodes []*node, before []lease.Member) {
	t.Helper()
	if now := lives(nodes); !slices.Equal(now, before) {
		t.Errorf("lives were %v, are %v", before, now)
	}
	for _, n := range nodes {
		n.mu.Lock()
		told := slices.DeleteFunc(slices.Clone(n.told), func(s string) bool { return s == "emptied" })
		if len(told) != len(nodes)-1 || len(n.clean) > 0 {
			t.Errorf("%s was told %v, and cleaned up after %v", n.id, n.told, n.clean)
		}
		n.mu.Unlock()
	}
}

// mustBeEmptied waits until each node was told so often.
func mustBeEmptied(t *testing.T, nodes []*node, times int) {
	t.Helper()
	redistest.Eventually(t, soon, "all notice that Redis was emptied", func() error {
		for _, n := range nodes {
			if c := n.count("emptied"); c != times {
				return fmt.Errorf("%s was told %d times", n.id, c)
			}
		}
		return nil
	})
}

// TestDeath cuts a node off: one survivor cleans up after it, in time.
func TestDeath(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := startThree(t, server.URL())
	x := start(t, server.URL(), "x")
	all := append(slices.Clone(nodes), x)
	mustSeeAll(t, all)
	pass(t, ttl)
	cut := time.Now()
	if err := x.conn.Close(); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, soon, "one cleanup", func() error {
		for _, n := range nodes {
			n.mu.Lock()
			clean := len(n.clean)
			n.mu.Unlock()
			if clean > 0 {
				return nil
			}
		}
		return errors.New("none yet")
	})
	took := time.Since(cut)
	t.Logf("cleaned up %.2f leases after the cut", took.Seconds()/ttl.Seconds())
	if took < ttl/2 {
		t.Errorf("cleaned up after %v, of a lease of %v", took, ttl)
	}
	mustSeeAll(t, nodes)
	pass(t, ttl)
	cleanups := 0
	for _, n := range nodes {
		n.mu.Lock()
		cleanups += len(n.clean)
		n.mu.Unlock()
		if n.count("died x") != 1 {
			t.Errorf("%s was told %v", n.id, n.told)
		}
	}
	if cleanups != 1 {
		t.Errorf("%d cleanups", cleanups)
	}
}

// TestRestart restarts Redis under three nodes, with data after longer than a lease, and without.
func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("with data", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		nodes := startThree(t, server.URL())
		before := lives(nodes)
		server.Stop(t, true)
		pass(t, ttl+time.Second)
		server.Run(t)
		mustSeeAll(t, nodes)
		pass(t, ttl+time.Second)
		mustBeSame(t, nodes, before)
		mustBeEmptied(t, nodes, 0)
	})
	t.Run("without data", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		nodes := startThree(t, server.URL())
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

// TestHang stops the server's process for longer than a lease.
func TestHang(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := startThree(t, server.URL())
	before := lives(nodes)
	server.Pause()
	pass(t, ttl+time.Second)
	server.Resume()
	mustSeeAll(t, nodes)
	pass(t, ttl+time.Second)
	mustBeSame(t, nodes, before)
	mustBeEmptied(t, nodes, 0)
}
