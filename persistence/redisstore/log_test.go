package redisstore

import (
	"context"
	"strconv"
	"testing"
	"time"

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

// renumber sets the newest number of a topic that has none.
func renumber(t storetest.T, log topic.Log, name string, seq uint64) {
	s := log.(*Store)
	err := s.conn.Client().HSet(context.Background(), s.names.Head(name),
		"epoch", newEpoch(), "seq", strconv.FormatUint(seq, 10)).Err()
	if err != nil {
		t.Fatal(err)
	}
}
