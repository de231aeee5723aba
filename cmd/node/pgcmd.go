package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// pgCommand is what an operator does with the database.
type pgCommand struct {
	Migrate pgMigrateCommand `cmd:"" help:"Make the schema, or bring it up to date. A node does so too when it starts."`
	Status  pgStatusCommand  `cmd:"" help:"Print the steps of the schema, its tables, the outbox and the queue of notifications."`
	Trigger pgTriggerCommand `cmd:"" help:"Print, install or remove a trigger that announces the changes of a table."`
	Outbox  pgOutboxCommand  `cmd:"" help:"See to the outbox's dead letters: events that no topic took."`
}

// pgTimeout bounds each call of a command; migrating has a bound of its own.
const pgTimeout = 10 * time.Second

// database is a command that works with the database of a configuration.
type database struct {
	Config   string  `short:"c" placeholder:"FILE" help:"Configuration file, YAML (TROUPE_CONFIG)."`
	Postgres *string `placeholder:"URL"`
	Schema   *string `placeholder:"NAME"`
	Prefix   *string `placeholder:"TEXT"`
}

var errNoPostgres = errors.New("say which database, with --postgres, TROUPE_POSTGRES or postgres in a file: --postgres postgres://user@localhost/app")

// open connects. The caller closes what it returns; shown is where that is, without secrets.
func (c *database) open(ctx context.Context, m *Main, flags given) (db *pgdb.DB, shown string, err error) {
	from := configured{Config: c.Config}
	loaded, err := from.load(m, flags)
	if err != nil {
		return nil, "", err
	}
	if loaded.Postgres == "" {
		return nil, "", &usageError{errNoPostgres}
	}
	schema, err := schemaOf(loaded)
	if err != nil {
		return nil, "", &usageError{err}
	}
	shown = shownPostgres(loaded)
	db, err = pgdb.Open(ctx, pgdb.Config{URL: loaded.Postgres, Schema: schema, Node: "command", Timeout: pgTimeout, MaxConns: 2,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, "", fmt.Errorf("could not connect to %s: %w", shown, err)
	}
	return db, shown, nil
}
