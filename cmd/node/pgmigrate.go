package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

type pgMigrateCommand struct{ database }

// Run applies the steps of the schema that are missing.
func (c *pgMigrateCommand) Run(ctx context.Context, m *Main, flags given) (err error) {
	db, shown, err := c.open(ctx, m, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	did, err := db.Migrate(ctx)
	if err != nil {
		return explainSchema(err, db.Schema())
	}
	if len(did) == 0 {
		_, err = fmt.Fprintf(m.Stdout, "Nothing to do: the schema %s at %s is up to date.\n", db.Schema(), shown)
		return err
	}
	for _, step := range did {
		if _, err := fmt.Fprintf(m.Stdout, "applied %d %s\n", step.Version, step.Name); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(m.Stdout, "The schema %s at %s is up to date.\n", db.Schema(), shown)
	return err
}

// explainSchema adds what to do about a schema that is not as it should be.
func explainSchema(err error, schema string) error {
	if _, drifted := errors.AsType[*pgdb.DriftError](err); drifted {
		return fmt.Errorf("%w; put it back as it was, or, where nothing in it matters: drop schema %s cascade", err, schema)
	}
	return err
}
