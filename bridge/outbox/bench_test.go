package outbox_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/pgstore"
	"github.com/troupe-rt/troupe/topic"
)

// BenchmarkForward takes rows out of an outbox in which they wait, of 1 and of 1,000 topics. An operation is a row.
func BenchmarkForward(b *testing.B) {
	for _, store := range []string{"memory", "postgres"} {
		for _, topics := range []int{1, 1000} {
			b.Run(fmt.Sprintf("store=%s/topics=%d", store, topics), func(b *testing.B) {
				url := pgtest.Shared(b).Database(b)
				db := pgtest.Open(b, url, pgdb.Config{})
				var log topic.Log = memstore.New(memstore.Config{})
				if store == "postgres" {
					s := pgstore.New(pgstore.Config{DB: db})
					b.Cleanup(func() { _ = s.Close(b.Context()) })
					log = s
				}
				to := topicsOver(b, actors.NewSystem(actors.Config{}), log)
				fill(b, url, b.N, topics)
				b.ResetTimer()
				all := &countdown{Topics: to, zero: make(chan struct{})}
				all.left.Store(int64(b.N))
				f, err := outbox.Start(b.Context(), outbox.Config{DB: db, Topics: all})
				if err != nil {
					b.Fatal(err)
				}
				<-all.zero
				stop(b, f)
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// A countdown tells when topics have taken so many rows.
type countdown struct {
	outbox.Topics
	left atomic.Int64
	zero chan struct{}
}

func (c *countdown) Post(name string, m topic.Message, done func(topic.Receipt, error)) error {
	return c.Topics.Post(name, m, func(r topic.Receipt, err error) {
		done(r, err)
		if err == nil && c.left.Add(-1) == 0 {
			close(c.zero)
		}
	})
}

// BenchmarkLatency is how long a row takes from the commit to the topic, one at a time: what a wake-up costs.
func BenchmarkLatency(b *testing.B) {
	url := pgtest.Shared(b).Database(b)
	db := pgtest.Open(b, url, pgdb.Config{})
	arrived := make(chan struct{}, 1)
	f, err := outbox.Start(b.Context(), outbox.Config{DB: db, Topics: signal(arrived)})
	if err != nil {
		b.Fatal(err)
	}
	defer stop(b, f)
	app := connect(b, url)
	asleep(b, app)
	for b.Loop() {
		publish(b, app, "room", "e")
		<-arrived
	}
}

type signal chan struct{}

func (s signal) Post(_ string, _ topic.Message, done func(topic.Receipt, error)) error {
	go done(topic.Receipt{}, nil)
	s <- struct{}{}
	return nil
}

// BenchmarkPublish is what a row adds to a transaction of the application: 100 rows in each.
func BenchmarkPublish(b *testing.B) {
	url := pgtest.Shared(b).Database(b)
	pgtest.Open(b, url, pgdb.Config{})
	b.ResetTimer()
	fill(b, url, b.N, 50)
}

// fill publishes rows, a hundred in a transaction.
func fill(b *testing.B, url string, n, topics int) {
	b.Helper()
	conn := connect(b, url)
	for done := 0; done < n; done += 100 {
		err := pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
			batch := &pgx.Batch{}
			for i := done; i < min(done+100, n); i++ {
				batch.Queue("select troupe.troupe_publish($1::text, 'message', $2::text)", fmt.Sprint("topic:", i%topics),
					fmt.Sprintf(`{"id":%d,"text":"%0100d"}`, i, i))
			}
			return tx.SendBatch(b.Context(), batch).Close()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
