package redisbus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// TestFailover has a Sentinel promote the replica. A master that was killed ends its
// connections; one that only stands still leaves them open, and just the ping tells.
func TestFailover(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*redistest.Server){
		"killed": (*redistest.Server).Kill,
		"paused": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master := redistest.Start(t)
			redistest.StartReplica(t, master)
			sentinel := redistest.StartSentinel(t, master, "main")
			sees := sentinel.Client(t)
			redistest.Eventually(t, patience, "the Sentinel knows the replica", func() error {
				replicas, err := sees.Do(t.Context(), "sentinel", "replicas", "main").Slice()
				if err == nil && len(replicas) == 0 {
					err = errors.New("none")
				}
				return err
			})
			nodes := make([]*redisbus.Bus, 2)
			for i, id := range []string{"a", "b"} {
				conn, err := redisconn.Open(t.Context(), redisconn.Config{
					URL: sentinel.URL() + "?master_name=main", Timeout: 500 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				nodes[i] = start(t, "", redisbus.Config{Conn: conn, Node: id, Ping: 100 * time.Millisecond})
			}
			to := newSink()
			follow(t, nodes[1], "room", to)
			insist(t, nodes[0], "room", "before")
			to.wantFrame(t, "room", "before")
			began := time.Now()
			fail(master)
			to.wantRestored(t, "room", 1)
			if told := to.interruptions("room")[0]; told.since.After(began) {
				t.Errorf("restored since %v after the master failed", told.since.Sub(began))
			}
			t.Logf("restored after %v", time.Since(began))
			insist(t, nodes[0], "room", "after")
			to.wantFrame(t, "room", "after")
		})
	}
}
