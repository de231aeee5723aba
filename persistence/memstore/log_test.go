package memstore

import (
	"testing"
	"testing/synctest"

	"github.com/troupe-rt/troupe/persistence/storetest"
	"github.com/troupe-rt/troupe/topic"
)

func TestLog(t *testing.T) {
	t.Parallel()
	storetest.Log(t, func(*testing.T) topic.Log { return New(Config{}) }, storetest.Options{
		Bubble:   synctest.Test,
		Renumber: renumber,
	})
}

// renumber sets the newest number of a topic that has none.
func renumber(_ storetest.T, log topic.Log, name string, seq uint64) {
	s := log.(*Store)
	sh, hash := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.create(name, sh.epoch(s.epoch, hash), s.uses.Add(1))
	h.head = seq
	s.topics.Add(1)
	s.bytes.Add(h.cost())
}
