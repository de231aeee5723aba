package redisstore

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/storetest"
	"github.com/troupe-rt/troupe/topic"
)

func TestLog(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	storetest.Log(t, func(t *testing.T) topic.Log { return open(t, server.URL()) }, storetest.Options{
		Unit:     400 * time.Millisecond,
		Renumber: renumber,
	})
}

func TestLogOnCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	storetest.Log(t, func(t *testing.T) topic.Log { return open(t, cluster.URL()) }, storetest.Options{
		Unit:     400 * time.Millisecond,
		Renumber: renumber,
	})
	t.Run("relay", func(t *testing.T) {
		t.Parallel()
		checkRelay(t, open(t, cluster.URL()))
	})
}

// REP-24: a node that is started again finds everything as it was.
func TestNodeRestarts(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	before := openConfig(t, redisconn.Config{URL: url, Prefix: "p:"})
	a := put(t, before, "t", event("x"), topic.Entry{ID: "1", Name: "e", Data: []byte("1")})
	if err := before.conn.Close(); err != nil {
		t.Fatal(err)
	}
	after := openConfig(t, redisconn.Config{URL: url, Prefix: "p:"})
	p := get(t, after, "t")
	wantNumbers(t, p, 2, 1, 1, 2)
	for _, r := range p.Records {
		if !r.At.Equal(a.At) {
			t.Errorf("number %d came at %v, Append said %v", r.Seq, r.At, a.At)
		}
	}
	b := put(t, after, "t", topic.Entry{ID: "1", Name: "e", Data: []byte("1")}, event("y"))
	if b.Epoch != a.Epoch || !b.Results[0].Duplicate || b.Results[1].Seq != 3 {
		t.Errorf("got %+v after %+v", b, a)
	}
}

// renumber sets the newest number of a topic that has none.
func renumber(t storetest.T, log topic.Log, name string, seq uint64) {
	s := log.(*Store)
	err := s.conn.Client().HSet(context.Background(), s.names.Head(name),
		"epoch", newEpoch(), "seq", strconv.FormatUint(seq, 10)).Err()
	if err != nil {
		t.Fatal(err)
	}
}
