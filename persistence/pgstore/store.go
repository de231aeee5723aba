package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Defaults of a Config.
const (
	DefaultLanes    = 3
	DefaultTrimRate = 50_000
)

// Config of a Store. DB is required; its schema has to be migrated.
type Config struct {
	// DB is the node's way to Postgres. The Store does not close it.
	DB *pgdb.DB

	// Lanes is how many statements that append may be under way at once, each on a connection. What comes meanwhile gathers
	// for the next one. A second one is begun when enough has gathered, or the first one takes long. More of them
	// help where a node appends more than a core of the server can take.
	//
	// Defaults to DefaultLanes.
	Lanes int

	// TrimRate bounds how many rows a second a node removes of what does not count any more. Where more than
	// that is published, and kept only for a while, tables grow.
	//
	// Defaults to DefaultTrimRate.
	TrimRate int

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one Store
}

// A Store keeps the history of topics in Postgres. Its methods are safe for concurrent use.
type Store struct {
	db      *pgdb.DB
	sql     statements
	logger  *slog.Logger
	metrics *metrics
	lanes   *lanes
	trimmer *trimmer
	sweeps  int // rounds of the task, which has one at a time
	warned  atomic.Int64
	ctx     context.Context // ends what goes on behind the calls
	cancel  context.CancelFunc

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // under way; added to under mu
}

// New returns a Store, which has to be closed.
func New(cfg Config) *Store {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{db: cfg.DB, sql: prepare(cfg.DB), logger: cfg.Logger, metrics: newMetrics(cfg.Registerer)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.lanes = &lanes{store: s, most: max(cmp.Or(cfg.Lanes, DefaultLanes), 1), busy: make(map[string]struct{})}
	s.trimmer = newTrimmer(s, max(cmp.Or(cfg.TrimRate, DefaultTrimRate), 1))
	return s
}

// Close refuses new calls, waits for those under way, and stops what goes on in the background. When ctx ends before, what is
// still under way fails.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.trimmer.stop()
	done := make(chan struct{})
	go func() { s.calls.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("pgstore: close: %w", ctx.Err())
	}
	s.cancel()
	<-done
	s.trimmer.wait()
	return err
}

// begin admits a call, which has to end.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// do runs a statement of its own for a call.
func (s *Store) do(ctx context.Context, c call, f func(ctx context.Context, q pgdb.Querier) error) error {
	began := time.Now()
	err := s.begin(ctx)
	if err == nil {
		err = s.db.Run(ctx, f)
		s.calls.Done()
	}
	s.metrics.called(c, time.Since(began), err)
	if err != nil {
		return fmt.Errorf("pgstore: %s: %w", c, explain(err))
	}
	return nil
}

// statements are those of the Store, each prepared once a connection.
type statements struct {
	append, read, enter, clear, renew, trim, sweep, forget, dropIDs, dropCleared string
}

func prepare(db *pgdb.DB) statements {
	return statements{
		append:      db.SQL(`select epochs, heads, at, dup_entry, dup_seq from {schema}.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`),
		read:        db.SQL(`select seq, at, name, data from {schema}.look($1, $2, $3, $4, $5)`),
		enter:       db.SQL(`select {schema}.enter($1)`),
		clear:       db.SQL(`select {schema}.clear($1)`),
		renew:       db.SQL(`select {schema}.renew($1, $2)`),
		trim:        db.SQL(`select coalesce(id, 0), coalesce(next, 0), gone, more from {schema}.trim($1, $2, $3, $4, $5)`),
		sweep:       db.SQL(`select seen, coalesce(last, ''), found from {schema}.sweep($1, $2, $3)`),
		forget:      db.SQL(`select seen, coalesce(last, ''), gone from {schema}.forget($1, $2)`),
		dropIDs:     db.SQL(`select gone, upto from {schema}.drop_ids($1, $2)`),
		dropCleared: db.SQL(`select gone from {schema}.drop_cleared($1)`),
	}
}
