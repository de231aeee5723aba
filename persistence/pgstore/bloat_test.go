package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// Under steady appends, tables and their indexes reach a size and stay there: what was removed makes room for what comes.
func TestTablesStaySmall(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "autovacuum_naptime=1s")
	s := storeOn(t, pgdb.Config{URL: server.URL(), Timeout: 20 * time.Second}, Config{})
	eagerJanitor(t, s)
	keep := topic.Retention{Size: 200, Dedup: time.Second}
	size := func() int64 {
		return count(t, s, `select sum(pg_total_relation_size(oid))::bigint from pg_class where relkind = 'r' and relnamespace = to_regnamespace($1)`, s.db.Schema())
	}
	var events atomic.Int64
	round := func(n int64) {
		var wg sync.WaitGroup
		until := events.Load() + n
		for w := range 8 {
			wg.Go(func() {
				for events.Load() < until {
					batch := make([]topic.Entry, 50)
					first := events.Add(50)
					for i := range batch {
						batch[i] = topic.Entry{ID: strconv.FormatInt(first+int64(i), 10), Name: "e", Data: payload}
					}
					if _, err := s.Append(context.Background(), "t"+strconv.Itoa(w), batch, keep); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	round(20_000)
	first := size()
	var sizes []int64
	for range 4 {
		round(20_000)
		sizes = append(sizes, size()>>10)
	}
	t.Logf("%d KB, then %v KB after 20,000 events more each", first>>10, sizes)
	if last := sizes[len(sizes)-1]; last > 3*(first>>10) {
		t.Errorf("tables grow: %d KB, then %v", first>>10, sizes)
	}
	pgtest.Eventually(t, 20*time.Second, "what does not count is gone", func() error {
		if n := count(t, s, `select (select count(*) from {schema}.events) + (select count(*) from {schema}.ids)`); n > 8*(200+int64(slack(200))) {
			return fmt.Errorf("%d rows", n)
		}
		return nil
	})
}

// eagerJanitor does a Store's tasks more often than others would.
func eagerJanitor(t *testing.T, s *Store) {
	tasks := s.Tasks()
	for i := range tasks {
		tasks[i].Every = 200 * time.Millisecond
	}
	startJanitor(t, s, nil, tasks...)
}
