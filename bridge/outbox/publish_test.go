package outbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// faulty is what can not be published, with the field that is wrong.
var faulty = []struct {
	name, topic, event string
	data               json.RawMessage
	field              string
}{
	{"no topic", "", "e", nil, "topic"},
	{"long topic", strings.Repeat("x", 257), "e", nil, "topic"},
	{"long topic in another script", strings.Repeat("ü", 257), "e", nil, "topic"},
	{"quote in topic", `a"b`, "e", nil, "topic"},
	{"backslash in topic", `a\b`, "e", nil, "topic"},
	{"line break in topic", "a\nb", "e", nil, "topic"},
	{"delete in topic", "a\x7f", "e", nil, "topic"},
	{"invisible in topic", "a\u200b", "e", nil, "topic"},
	{"no-break space in topic", "a\u00a0b", "e", nil, "topic"},
	{"of the system", "__presence", "e", nil, "topic"},
	{"no event", "t", "", nil, "event"},
	{"quote in event", "t", `"`, nil, "event"},
	{"long event", "t", strings.Repeat("e", 257), nil, "event"},
	{"no JSON", "t", "e", json.RawMessage("{"), "data"},
	{"two values", "t", "e", json.RawMessage("1 2"), "data"},
	{"control character in JSON", "t", "e", json.RawMessage("\"a\nb\""), "data"},
	{"deep", "t", "e", json.RawMessage(strings.Repeat("[", 200_000)), "data"},
	{"too large", "t", "e", json.RawMessage(`"` + strings.Repeat("x", outbox.MaxData) + `"`), "data"},
}

// TestFaulty tries each on both sides: in Go before the transaction is touched, and in SQL, which names the field.
func TestFaulty(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	tx := begin(t, url)
	for _, c := range faulty {
		t.Run(c.name, func(t *testing.T) {
			var input *topic.InputError
			if _, err := outbox.Publish(t.Context(), tx, c.topic, c.event, c.data); !errors.As(err, &input) || input.Field != c.field {
				t.Errorf("Go: got %v", err)
			}
			exec(t, tx, "savepoint s")
			data := new(string)
			if *data = string(c.data); c.data == nil {
				data = nil
			}
			err := tx.QueryRow(t.Context(), "select troupe.troupe_publish($1::text, $2::text, $3::text)", c.topic, c.event, data).Scan(new(int64))
			if pgdb.Code(err) != "22023" || !strings.Contains(err.Error(), "troupe_publish: "+c.field+": must") {
				t.Errorf("SQL: got %v", err)
			}
			exec(t, tx, "rollback to s")
		})
	}
	for name, data := range map[string]any{"a function": func() {}, "infinite": math.Inf(1)} {
		var input *topic.InputError
		if _, err := outbox.Publish(t.Context(), tx, "t", "e", data); !errors.As(err, &input) || input.Field != "data" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, key := range []string{"", strings.Repeat("k", 513), "a\x00", "\xff"} {
		var input *topic.InputError
		if _, err := outbox.Publish(t.Context(), tx, "t", "e", 1, outbox.ID(key)); !errors.As(err, &input) || input.Field != "id" {
			t.Errorf("key %q: got %v", key, err)
		}
	}
	for _, schema := range []string{"public", `a"b`, "a;b", ""} {
		if _, err := outbox.Publish(t.Context(), tx, "t", "e", 1, outbox.Schema(schema)); err == nil {
			t.Errorf("schema %q: no error", schema)
		}
	}
	commit(t, tx) // was never harmed
}

// FuzzNames shows that SQL refuses no name that Go takes, and the other way round where all is ASCII.
func FuzzNames(f *testing.F) {
	for _, c := range faulty[:13] {
		f.Add(c.topic)
	}
	f.Add("room:42")
	f.Add("日本")
	db := pgtest.Open(f, pgtest.Shared(f).Database(f), pgdb.Config{})
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsRune(name, 0) {
			return
		}
		var fault *string
		err := db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, "select troupe.outbox_name_fault($1::text)", name).Scan(&fault)
		})
		want := topic.CheckEvent(name)
		if err != nil && want == nil {
			t.Fatalf("%q: %v", name, err)
		}
		ascii := !strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f })
		if err == nil && (want == nil && fault != nil || want != nil && fault == nil && ascii) {
			t.Errorf("%q: Go says %v, SQL %v", name, want, fault)
		}
	})
}

// TestExactData brings data through byte for byte, of all sizes.
func TestExactData(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := realTopics(t)
	start(t, db, topics)
	app := connect(t, url)
	large := `"` + strings.Repeat("x", outbox.MaxData-2) + `"`
	want := []string{"null", ` { "b" : 1.0, "a":"<&>\u00e9é", "a":1e400 } `, `{"y":1}`, `{"x": 2}`, `"<b>"`, large, `[1]`}
	publishRaw := func(text string) {
		if _, err := outbox.Publish(t.Context(), app, "room", "e", json.RawMessage(text)); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, app, "select troupe.troupe_publish('room', 'e')")
	publishRaw(want[1])
	exec(t, app, "select troupe.troupe_publish('room', 'e', row_to_json(r)) from (select 1 as y) r")
	exec(t, app, `select troupe.troupe_publish('room', 'e', '{"x":2}'::jsonb)`)
	exec(t, app, `select troupe.troupe_publish('room', 'e', '"<b>"')`)
	publishRaw(large)
	publishRaw(want[6])
	mustBe(t, db, 0, 0)
	h, err := topics.History(t.Context(), "room", topic.Position{}, 0)
	if err != nil || len(h.Events) != len(want) {
		t.Fatalf("%d events, %v", len(h.Events), err)
	}
	for i, e := range h.Events {
		if got := string(e.Data()); got != want[i] {
			t.Errorf("event %d: got %.80q, want %.80q", i, got, want[i])
		}
	}
}

// TestSQL publishes over database/sql.
func TestSQL(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	start(t, db, topics)
	pool, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_ = stdlib.GetDefaultDriver()
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := outbox.PublishSQL(t.Context(), tx, "room", "a", 1); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	topics.mustGet(t, "room a")
}

// TestID has an idempotency key bring an event once, whichever way it came.
func TestID(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := realTopics(t)
	start(t, db, topics)
	app := connect(t, url)
	publish(t, app, "room", "a", outbox.ID("order-1"))
	publish(t, app, "room", "b", outbox.ID("order-1"))
	mustBe(t, db, 0, 0)
	if r, err := topics.Publish(t.Context(), "room", topic.Message{Event: "c", ID: "order-1"}); err != nil || !r.Duplicate {
		t.Errorf("got %+v, %v", r, err)
	}
	if h, err := topics.History(t.Context(), "room", topic.Position{}, 0); err != nil || len(h.Events) != 1 || h.Events[0].Name() != "a" {
		t.Errorf("got %v, %v", h, err)
	}
}
