package outbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

const (
	clerks = 4
	rooms  = 5
)

// A shop saves orders and announces them, on a server of its own that the test may break, with two nodes that share a history.
type shop struct {
	server *pgtest.Server
	url    string
	db     *pgdb.DB
	nodes  []*topic.Topics
	sold   atomic.Int64 // orders known to be saved
	sum    atomic.Int64 // orders that were tried
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{server: pgtest.Start(t)}
	s.url = s.server.Database(t)
	s.db = pgtest.Open(t, s.url, pgdb.Config{})
	pgtest.Exec(t, s.url, "create table orders (n bigint primary key, room text not null)")
	log := memstore.New(memstore.Config{})
	for range 2 {
		s.nodes = append(s.nodes, topicsOver(t, actors.NewSystem(actors.Config{}), log, topic.Policy{History: 1_000_000}))
	}
	return s
}

// open has clerks sell until the shop closes.
func (s *shop) sell(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	t.Cleanup(s.close)
	for clerk := range clerks {
		s.wg.Go(func() {
			for ctx.Err() == nil {
				s.shift(ctx, clerk)
			}
		})
	}
}

func (s *shop) close() {
	s.cancel()
	s.wg.Wait()
}

// shift sells until something fails.
func (s *shop) shift(ctx context.Context, clerk int) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		n := s.sum.Add(1)*clerks + int64(clerk)
		fate := rand.N(4)
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			room := fmt.Sprint("room:", rand.N(rooms))
			if _, err := tx.Exec(ctx, "insert into orders values ($1, $2)", n, room); err != nil {
				return err
			}
			if _, err := outbox.Publish(ctx, tx, room, strconv.Itoa(clerk), n); err != nil {
				return err
			}
			if fate == 0 {
				return errChanged
			}
			return nil
		})
		switch {
		case err == nil:
			s.sold.Add(1)
		case err != errChanged:
			return
		}
	}
}

var errChanged = fmt.Errorf("the customer went away")

// sellMore waits until some more were sold.
func (s *shop) sellMore(t *testing.T, n int64) {
	t.Helper()
	goal := s.sold.Load() + n
	pgtest.Eventually(t, soon, "orders are sold", func() error {
		if s.sold.Load() < goal {
			return fmt.Errorf("%d of %d", s.sold.Load(), goal)
		}
		return nil
	})
}

// mustMatch closes the shop, and compares what was saved with what was announced.
func (s *shop) mustMatch(t *testing.T) {
	t.Helper()
	s.close()
	mustBe(t, s.db, 0, 0)
	saved := make(map[int64]string)
	rows, err := connect(t, s.url).Query(t.Context(), "select n, room from orders")
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	var room string
	if _, err := pgx.ForEachRow(rows, []any{&n, &room}, func() error { saved[n] = room; return nil }); err != nil {
		t.Fatal(err)
	}
	if int64(len(saved)) < s.sold.Load() || len(saved) == 0 {
		t.Errorf("%d orders saved, %d known to be", len(saved), s.sold.Load())
	}
	for i := range rooms {
		s.mustAnnounce(t, fmt.Sprint("room:", i), saved)
	}
	for n, room := range saved {
		t.Errorf("order %d was saved in %s and not announced", n, room)
	}
}

// mustAnnounce takes what was announced in a room out of what was saved.
func (s *shop) mustAnnounce(t *testing.T, room string, saved map[int64]string) {
	t.Helper()
	h, err := s.nodes[0].History(t.Context(), room, topic.Position{}, 0)
	if err != nil || h.Truncated {
		t.Fatalf("%+v, %v", h, err)
	}
	last := make(map[string]int64) // of each clerk
	for _, e := range h.Events {
		n, err := strconv.ParseInt(string(e.Data()), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if saved[n] != room {
			t.Errorf("order %d was announced in %s: not saved, or announced before", n, room)
		}
		if n <= last[e.Name()] {
			t.Errorf("%s: order %d was announced after %d", room, n, last[e.Name()])
		}
		last[e.Name()] = n
		delete(saved, n)
	}
}
