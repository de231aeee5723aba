package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Limits of what is published.
const (
	MaxData = 16 << 20 // bytes of JSON
	MaxKey  = 512      // bytes of a key
)

// Execer is a transaction of pgx: a pgx.Tx. A connection or a pool does too; then the call is a transaction of its own.
type Execer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// SQLExecer is a transaction of database/sql: a *sql.Tx, *sql.Conn or *sql.DB.
type SQLExecer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Publish writes an event into the outbox as part of the caller's transaction: it is announced if and
// only if tx commits. It returns the row's number, by which an operator finds it.
//
// Data is encoded as JSON; a json.RawMessage is kept as it is, byte for byte. What is wrong with topic, event, data or
// key is told with a *topic.InputError before the transaction is touched; every other error comes from the database, and the
// transaction can then only be rolled back. It is as safe for concurrent use as tx is.
func Publish(ctx context.Context, tx Execer, topic, event string, data any, opts ...Option) (id int64, err error) {
	c, err := newCall(topic, event, data, opts)
	if err != nil {
		return 0, err
	}
	return c.run(tx.QueryRow(ctx, c.sql, topic, event, c.data, c.key))
}

// PublishSQL is Publish for database/sql, with any driver for Postgres.
func PublishSQL(ctx context.Context, tx SQLExecer, topic, event string, data any, opts ...Option) (id int64, err error) {
	c, err := newCall(topic, event, data, opts)
	if err != nil {
		return 0, err
	}
	return c.run(tx.QueryRowContext(ctx, c.sql, topic, event, c.data, c.key))
}

// An Option changes one Publish.
type Option func(*call)

// Schema is where the outbox is. It defaults to pgdb.DefaultSchema.
func Schema(name string) Option { return func(c *call) { c.schema = name } }

// ID makes an event idempotent: of several with the same ID, at most 512 bytes, a topic takes the first within its policy's Dedup, whether they
// came through the outbox or not.
func ID(id string) Option { return func(c *call) { c.key = &id } }

// A call is one Publish.
type call struct {
	schema string
	sql    string
	data   string
	key    *string
}

func newCall(name, event string, data any, opts []Option) (*call, error) {
	c := &call{schema: pgdb.DefaultSchema}
	for _, o := range opts {
		o(c)
	}
	if err := pgdb.CheckSchema(c.schema); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if err := checkTopic(name); err != nil {
		return nil, err
	}
	if err := topic.CheckEvent(event); err != nil {
		return nil, err
	}
	if c.key != nil {
		if err := checkKey(*c.key); err != nil {
			return nil, err
		}
	}
	text, err := encode(data)
	c.data = string(text)
	c.sql = "select " + pgx.Identifier{c.schema, "troupe_publish"}.Sanitize() + "($1::text, $2::text, $3::text, $4::text)"
	return c, err
}

type scanner interface{ Scan(dest ...any) error }

func (c *call) run(row scanner) (id int64, err error) {
	if err := row.Scan(&id); err != nil {
		return 0, fmt.Errorf("outbox: publish: %w", err)
	}
	return id, nil
}

func checkTopic(name string) error {
	if topic.IsSystem(name) {
		return &topic.InputError{Field: "topic", Rule: "must not begin with " + topic.SystemPrefix}
	}
	return topic.CheckName(name, true)
}

func checkKey(key string) error {
	switch {
	case key == "" || len(key) > MaxKey:
		return &topic.InputError{Field: "id", Rule: "must be 1 to 512 bytes long"}
	case !storable([]byte(key)):
		return &topic.InputError{Field: "id", Rule: "must be UTF-8 without NUL"}
	}
	return nil
}

// storable reports whether Postgres takes it as text.
func storable(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return false
		}
	}
	return utf8.Valid(b)
}

func encode(data any) ([]byte, error) {
	raw, ok := data.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(data); err != nil {
			return nil, &topic.InputError{Field: "data", Rule: "can not be encoded as JSON", Err: err}
		}
	}
	switch {
	case len(raw) == 0:
		return []byte("null"), nil
	case len(raw) > MaxData:
		return nil, &topic.InputError{Field: "data", Rule: "must be at most 16 MiB"}
	case ok && (!utf8.Valid(raw) || !json.Valid(raw)):
		return nil, &topic.InputError{Field: "data", Rule: "must be JSON in UTF-8"}
	}
	return raw, nil
}
