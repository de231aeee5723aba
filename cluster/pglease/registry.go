package pglease

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Config of a Registry. DB is required; it is the caller's to close. Renewals wait for a
// connection of its pool: one that others keep busy may cost the node its lease, so it is
// best one of its own, with Config.MaxConns 2.
type Config struct {
	DB *pgdb.DB
}

// A Registry is a lease.Registry on Postgres. It holds nothing that needs closing.
type Registry struct {
	db                              *pgdb.DB
	lock                            int64
	renew, tidy, claim, done, leave string
}

var _ lease.Registry = (*Registry)(nil)

// New returns the Registry of all nodes that are given the same database and schema.
func New(cfg Config) *Registry {
	sql := cfg.DB.SQL
	return &Registry{db: cfg.DB, lock: cfg.DB.LockKey("leases"),
		renew: sql(`select what, id, incarnation, info, ends, done from {schema}.lease_renew($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`),
		tidy:  sql(`select {schema}.lease_tidy($1)`),
		claim: sql(`select {schema}.lease_claim($1, $2, $3, $4, $5, $6)`),
		done:  sql(`select {schema}.lease_done($1, $2, $3, $4)`),
		leave: sql(`select {schema}.lease_leave($1, $2, $3)`),
	}
}

// Renew implements lease.Registry.
func (r *Registry) Renew(ctx context.Context, rn lease.Renewal) (lease.View, error) {
	info, err := encodeInfo(rn.Self)
	if err != nil {
		return lease.View{}, fmt.Errorf("pglease: renew: %w", err)
	}
	back, err := backOf(rn)
	if err != nil {
		return lease.View{}, fmt.Errorf("pglease: renew: %w", err)
	}
	var v lease.View
	err = r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, r.renew, r.lock, rn.Self.ID, rn.Self.Incarnation, info, min(rn.TTL, lease.MaxTTL), rn.Join, rand.Text(),
			back.ids, back.incarnations, back.infos, back.dead)
		if err != nil {
			return err
		}
		late := false
		if v, late, err = readView(rows); err != nil || !late {
			return err
		}
		_, err = q.Exec(ctx, r.tidy, r.lock)
		return err
	})
	if err != nil {
		return lease.View{}, fmt.Errorf("pglease: renew: %w", err)
	}
	return v, nil
}

// Claim implements lease.Registry.
func (r *Registry) Claim(ctx context.Context, c lease.Claim) (uint64, error) {
	var fence int64
	err := r.ask(ctx, r.claim, &fence, c.Dead.ID, c.Dead.Incarnation, c.By.ID, c.By.Incarnation, c.For.Round(time.Microsecond))
	if err != nil {
		return 0, fmt.Errorf("pglease: claim: %w", err)
	}
	return uint64(max(fence, 0)), nil
}

// Done implements lease.Registry.
func (r *Registry) Done(ctx context.Context, dead lease.Member, fence uint64) error {
	if fence == 0 || fence > math.MaxInt64 {
		return lease.ErrNotHeld
	}
	var done bool
	if err := r.ask(ctx, r.done, &done, dead.ID, dead.Incarnation, int64(fence)); err != nil {
		return fmt.Errorf("pglease: done: %w", err)
	}
	if !done {
		return lease.ErrNotHeld
	}
	return nil
}

// Leave implements lease.Registry.
func (r *Registry) Leave(ctx context.Context, self lease.Member) error {
	if err := r.ask(ctx, r.leave, nil, self.ID, self.Incarnation); err != nil {
		return fmt.Errorf("pglease: leave: %w", err)
	}
	return nil
}

// ask calls a function that answers with one value.
func (r *Registry) ask(ctx context.Context, sql string, answer any, args ...any) error {
	return r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, sql, append([]any{r.lock}, args...)...).Scan(answer)
	})
}
