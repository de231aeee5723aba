package pglease_test

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
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// ttl is half of the default, as tests wait for it.
const ttl = lease.DefaultTTL / 2

// soon is long for machines that are busy: who renews late does not judge others.
const soon = 2 * time.Minute

// A node is an agent with a breaker and a pool of its own.
type node struct {
	t     *testing.T
	id    string
	db    *pgdb.DB
	agent *lease.Agent

	mu     sync.Mutex
	told   []string
	clean  []string
	fences []uint64
}

func start(t *testing.T, url, id string) *node {
	t.Helper()
	n := &node{t: t, id: id}
	system := actors.NewSystem(actors.Config{})
	b, err := breaker.New(system, breaker.Options{Backend: "postgres", ResetTimeout: time.Second, ProbeTimeout: 3 * time.Second,
		Answered: pgdb.Answered, Reason: pgdb.Reason})
	if err != nil {
		t.Fatal(err)
	}
	n.db = pgtest.Open(t, url, pgdb.Config{Breaker: b, MaxConns: 2, Node: id})
	n.agent, err = lease.Start(t.Context(), lease.Config{
		Registry: pglease.New(pglease.Config{DB: n.db}), TTL: ttl, Self: lease.Member{ID: id, Address: id + ":1"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	n.agent.OnChange(func(c lease.Change) { n.note(string(c.Kind) + " " + c.Member.ID) })
	n.agent.OnLost(func(_, _ lease.Member) { n.note("lost") })
	n.agent.OnEmptied(func() { n.note("emptied") })
	n.agent.OnCleanup(n.cleanup)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.agent.Close(ctx)
		_ = n.db.Close()
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

func (n *node) cleanup(_ context.Context, dead lease.Member, fence uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clean, n.fences = append(n.clean, dead.ID), append(n.fences, fence)
	if fence == 0 {
		return errors.New("no fence")
	}
	return nil
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

func cleanups(nodes []*node) (who []string, fences []uint64) {
	for _, n := range nodes {
		n.mu.Lock()
		who, fences = append(who, n.clean...), append(fences, n.fences...)
		n.mu.Unlock()
	}
	return who, fences
}

// mustSeeAll waits until each node sees all alive, with leases that end after now.
func mustSeeAll(t *testing.T, nodes []*node) {
	t.Helper()
	now := time.Now()
	pgtest.Eventually(t, soon, "all see all alive", func() error {
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
	pgtest.Eventually(t, soon, "all notice that tables were emptied", func() error {
		for _, n := range nodes {
			if c := n.count("emptied"); c != times {
				return fmt.Errorf("%s was told %d times", n.id, c)
			}
		}
		return nil
	})
}

// mustCleanUp waits until somebody has cleaned up after so many.
func mustCleanUp(t *testing.T, nodes []*node, after int) {
	t.Helper()
	pgtest.Eventually(t, soon, "the cleanup", func() error {
		if who, _ := cleanups(nodes); len(who) < after {
			return fmt.Errorf("only after %v", who)
		}
		return nil
	})
}
