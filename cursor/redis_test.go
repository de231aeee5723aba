package cursor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/redisstore"
	"github.com/troupe-rt/troupe/topic"
)

// redisNode is a node as cluster wires it, on a Redis.
func redisNode(t testing.TB, url, name string, policies ...cursor.Policy) *cursor.Boards {
	t.Helper()
	conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: url, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	bus, err := redisbus.New(redisbus.Config{Conn: conn, Node: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = bus.Close(ctx)
	})
	return start(t, cursor.Config{
		System: actors.NewSystem(actors.Config{}), Store: redisstore.NewCursors(conn), Relay: bus, Node: name, Policies: policies,
	})
}

func eventuallySees(t testing.TB, v *viewer, what map[string]string) {
	t.Helper()
	redistest.Eventually(t, 20*time.Second, fmt.Sprint("a viewer sees ", what), func() error {
		if got := v.sees(); !maps.Equal(got, what) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

func eventuallyLists(t testing.TB, b *cursor.Boards, what map[string]string) {
	t.Helper()
	redistest.Eventually(t, 20*time.Second, fmt.Sprint("a node lists ", what), func() error {
		all, err := b.List(t.Context(), "room")
		got := map[string]string{}
		for _, c := range all {
			got[c.Key] = string(c.Data)
		}
		if err != nil || !maps.Equal(got, what) {
			return fmt.Errorf("%v, %w", got, errors.Join(err))
		}
		return nil
	})
}

func TestCasesOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	t.Run("one server", func(t *testing.T) { t.Parallel(); redisCases(t, server.URL()) })
	t.Run("Cluster", func(t *testing.T) { t.Parallel(); redisCases(t, redistest.StartCluster(t, 3).URL()) })
}

// redisCases go one after the other on the same two nodes.
func redisCases(t *testing.T, url string) {
	a, b := redisNode(t, url, "a", cursor.Policy{TTL: 2 * time.Second}), redisNode(t, url, "b", cursor.Policy{TTL: 2 * time.Second})
	va := watch(t, a, "room")
	eventuallySees(t, va, map[string]string{})
	t.Run("CUR-12 a first receiver gets the others' cursors", func(t *testing.T) {
		move(t, a, "room", "a1", "1")
		redistest.Eventually(t, 20*time.Second, "the store has it", func() error {
			all, err := b.List(t.Context(), "room")
			if err != nil || len(all) != 1 {
				return fmt.Errorf("%v, %w", all, err)
			}
			return nil
		})
	})
	vb := watch(t, b, "room")
	t.Run("CUR-01 CUR-04 both nodes see both", func(t *testing.T) {
		move(t, a, "room", "a1", `{"x":1}`)
		move(t, b, "room", "b1", `{"x":2}`)
		both := map[string]string{"a1": `{"x":1}`, "b1": `{"x":2}`}
		eventuallySees(t, va, both)
		eventuallySees(t, vb, both)
	})
	t.Run("CUR-07 remove", func(t *testing.T) {
		move(t, b, "room", "b1", "3")
		remove(t, a, "room", "a1")
		eventuallySees(t, vb, map[string]string{"b1": "3"})
		eventuallyLists(t, a, map[string]string{"b1": "3"})
	})
	t.Run("CUR-10 a silent cursor vanishes", func(t *testing.T) {
		eventuallySees(t, va, map[string]string{})
		eventuallyLists(t, b, map[string]string{})
	})
	t.Run("Forget", func(t *testing.T) {
		move(t, b, "room", "b2", "1")
		eventuallySees(t, va, map[string]string{"b2": "1"})
		a.Forget("b")
		eventuallySees(t, va, map[string]string{})
	})
}

// CUR-16 with a Redis that is gone for a while, and comes back empty.
func TestOutageOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := redisNode(t, server.URL(), "a"), redisNode(t, server.URL(), "b")
	va, vb := watch(t, a, "room"), watch(t, b, "room")
	move(t, a, "room", "stays", "1")
	move(t, a, "room", "goes", "1")
	both := map[string]string{"stays": "1", "goes": "1"}
	eventuallySees(t, va, both)
	eventuallySees(t, vb, both)
	server.Stop(t, true)
	move(t, a, "room", "stays", "2")
	remove(t, a, "room", "goes")
	eventuallySees(t, va, map[string]string{"stays": "2"})
	want(t, "b meanwhile", vb.sees(), both)
	server.Run(t)
	eventuallySees(t, vb, map[string]string{"stays": "2"})
	eventuallyLists(t, b, map[string]string{"stays": "2"})
}

// A counter is an Outlet that counts.
type counter struct {
	viewer
	frames int
}

func (c *counter) Deliver(_ string, b *topic.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames += len(b.Events)
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames
}
