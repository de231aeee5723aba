package pgstore

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// sweepPage is how many rows one statement drops.
const sweepPage = 1000

// sweepSQL drops rows that are gone. It waits for nobody: a row that is being written is left for
// the next time.
func sweepSQL(db *pgdb.DB, table string) string {
	return db.SQL(`delete from {schema}.` + table + ` where ctid = any(array(
		select ctid from {schema}.` + table + ` where gone < statement_timestamp() order by gone limit $1 for update skip locked))`)
}

// sweep runs each statement until it finds less than a page.
func sweep(ctx context.Context, db *pgdb.DB, statements ...string) error {
	for _, sql := range statements {
		for dropped := int64(sweepPage); dropped == sweepPage; {
			err := db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
				tag, err := q.Exec(ctx, sql, sweepPage)
				dropped = tag.RowsAffected()
				return err
			})
			if err != nil {
				return fmt.Errorf("pgstore: sweep: %w", err)
			}
		}
	}
	return nil
}
