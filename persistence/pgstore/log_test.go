package pgstore

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/storetest"
	"github.com/troupe-rt/troupe/topic"
)

func TestLog(t *testing.T) {
	t.Parallel()
	storetest.Log(t, func(t *testing.T) topic.Log { return openStore(t, Config{}) }, storetest.Options{
		Unit:     600 * time.Millisecond,
		Renumber: renumber,
	})
}

// renumber sets the newest number of a topic that has none.
func renumber(t storetest.T, log topic.Log, name string, seq uint64) {
	s := log.(*Store)
	err := s.db.Run(context.Background(), func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, s.db.SQL(`insert into {schema}.topics (name, seq) values ($1, $2)`), name, int64(seq))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// openStore returns a Store that shares nothing with others on the server.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	return storeOn(t, pgdb.Config{URL: pgtest.Shared(t).URL(), Schema: newSchema()}, cfg)
}

var schemas atomic.Int64

// newSchema makes no database, which takes the server long to make and to drop.
func newSchema() string { return "history_" + strconv.FormatInt(schemas.Add(1), 10) }

// storeOn returns one on a database.
func storeOn(t testing.TB, at pgdb.Config, cfg Config) *Store {
	t.Helper()
	cfg.DB = pgtest.Open(t, at.URL, at)
	s := New(cfg)
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}
