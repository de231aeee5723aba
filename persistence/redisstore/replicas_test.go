package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// replicated returns a Store on the server that wants one replica to have each event.
func replicated(t *testing.T, server *redistest.Server) *Store {
	s := open(t, server.URL())
	return New(Config{Conn: s.conn, Node: "test", Replicas: 1, ReplicaTimeout: 300 * time.Millisecond})
}

func TestReplicaHasIt(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	replica := redistest.StartReplica(t, server)
	s := replicated(t, server)
	for i := range 20 {
		a := put(t, s, "t", event("x"))
		// No waiting: when Append has returned the replica knows.
		seq, err := replica.Client(t).HGet(t.Context(), s.names.Head("t"), "seq").Uint64()
		if err != nil || seq != a.Results[0].Seq || seq != uint64(i+1) {
			t.Fatalf("after number %d the replica has %d, %v", a.Results[0].Seq, seq, err)
		}
	}
}

func TestReplicaIsMissing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	replica := redistest.StartReplica(t, server)
	s := replicated(t, server)
	put(t, s, "t", event("x"))
	replica.Kill()

	batch := []topic.Entry{{ID: "1", Name: "e", Data: []byte("1")}}
	// The second time the event is there already, but still on no replica.
	for range 2 {
		_, err := s.Append(t.Context(), "t", batch, plenty)
		few, ok := errors.AsType[*ReplicasError](err)
		if !ok || few.Want != 1 || few.Got != 0 {
			t.Fatalf("Append without the replica: %v, want a ReplicasError", err)
		}
	}
	if p := get(t, s, "t"); p.Head.Seq != 2 {
		t.Errorf("head %d, want 2: the event was kept, once", p.Head.Seq)
	}
}

// A duplicate is answered when the replicas have the first one, not before.
func TestDuplicateWaitsForReplica(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	replica := redistest.StartReplica(t, server)
	s := replicated(t, server)
	batch := []topic.Entry{{ID: "1", Name: "e", Data: []byte("1")}}
	put(t, s, "t", batch...)
	replica.Pause()
	if _, err := s.Append(t.Context(), "t", batch, plenty); err == nil {
		t.Error("a duplicate was acknowledged that the replica could not be asked about")
	}
	replica.Resume()
	redistest.Eventually(t, 10*time.Second, "the replica is back", func() error {
		a, err := s.Append(t.Context(), "t", batch, plenty)
		if err == nil && (!a.Results[0].Duplicate || a.Results[0].Seq != 1) {
			t.Fatalf("got %v, want a duplicate of 1", a.Results)
		}
		return err
	})
}
