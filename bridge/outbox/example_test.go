package outbox_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

type order struct {
	ID    int64  `json:"id"`
	Item  string `json:"item"`
	Count int    `json:"count"`
}

var errSoldOut = errors.New("sold out")

// placeOrder saves an order and announces it, or does neither.
func placeOrder(ctx context.Context, conn *pgx.Conn, item string, count int) (o order, err error) {
	o = order{Item: item, Count: count}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "insert into orders (item, count) values ($1, $2) returning id", item, count).Scan(&o.ID); err != nil {
			return err
		}
		if _, err := outbox.Publish(ctx, tx, "orders", "created", o); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "update stock set count = count - $2 where item = $1 and count >= $2", item, count)
		if err == nil && tag.RowsAffected() == 0 {
			err = errSoldOut // and so nothing is saved, and nothing announced
		}
		return err
	})
	return o, err
}

// TestSavedAndAnnounced shows the use of it: an order is saved and announced, or neither.
func TestSavedAndAnnounced(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pgtest.Exec(t, url, "create table orders (id bigint generated always as identity primary key, item text, count int)")
	pgtest.Exec(t, url, "create table stock (item text primary key, count int)")
	pgtest.Exec(t, url, "insert into stock values ('tea', 3)")
	topics := realTopics(t)
	start(t, db, topics)

	conn := connect(t, url)
	for count, want := range map[int]error{2: nil, 5: errSoldOut} {
		if _, err := placeOrder(t.Context(), conn, "tea", count); !errors.Is(err, want) {
			t.Fatalf("%d: got %v, want %v", count, err, want)
		}
	}
	for v, err := range topic.Of[order](topics, "orders").Events(t.Context(), topic.Since(topic.Position{})) {
		if err != nil || v.Event != "created" || v.Data.Item != "tea" || v.Data.Count != 2 {
			t.Errorf("got %+v, %v", v, err)
		}
		break
	}
	mustBe(t, db, 0, 0)
	if h, err := topics.History(t.Context(), "orders", topic.Position{}, 0); err != nil || len(h.Events) != 1 {
		t.Errorf("%d announced, %v", len(h.Events), err)
	}
	var saved int
	if err := conn.QueryRow(t.Context(), "select count(*) from orders").Scan(&saved); err != nil || saved != 1 {
		t.Errorf("%d saved, %v", saved, err)
	}
}
