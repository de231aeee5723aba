package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgstore"
)

// postgresSide is everything of a node that talks to Postgres.
type postgresSide struct {
	db      *pgdb.DB
	leases  *pgdb.DB // a pool of its own: a node whose pool is busy is not dead. nil beside Redis
	store   *pgstore.Store
	rosters *pgstore.Rosters // nil beside Redis, as is what follows but for the janitor
	cursors *pgstore.Cursors
	limits  *pgstore.Limits
	bus     *pgbus.Bus
	pinger  *pinger // nil where the bus asks
	janitor *pgstore.Janitor
}

// openPostgres connects, brings the schema up to date, and builds what topics need; all that nodes
// share if there is no Redis.
func (n *Node) openPostgres(ctx context.Context, cfg Config, name string) (p *postgresSide, err error) {
	b, err := breaker.New(n.system, breaker.Options{
		Backend: StorePostgres, ResetTimeout: resetTimeout, ProbeTimeout: 3 * time.Second,
		Answered: pgdb.Answered, Reason: pgdb.Reason, Logger: n.logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pgdb.MigrateTimeout)
	defer cancel()
	p = &postgresSide{}
	p.db, err = pgdb.Open(ctx, pgdb.Config{URL: cfg.Postgres, Schema: cfg.Schema, Node: cfg.ID, MaxConns: cfg.PostgresConns,
		Breaker: b, Logger: n.logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}()
	if _, err = p.db.Migrate(ctx); err != nil {
		return nil, err
	}
	p.store = pgstore.New(pgstore.Config{DB: p.db, Logger: n.logger, Registerer: cfg.Registerer})
	tasks := p.store.Tasks()
	if cfg.Redis == "" {
		if err = p.share(ctx, n, cfg, b, name); err != nil {
			return nil, err
		}
		tasks = append(append(append(tasks, p.rosters.Tasks()...), p.cursors.Tasks()...), p.limits.Tasks()...)
	} else {
		p.pinger = startPinger(p.db)
	}
	p.janitor = pgstore.NewJanitor(p.db, n.logger, tasks...)
	n.health.watch(b)
	return p, nil
}

// share builds what Redis would have.
func (p *postgresSide) share(ctx context.Context, n *Node, cfg Config, b *breaker.Breaker, name string) (err error) {
	p.leases, err = pgdb.Open(ctx, pgdb.Config{URL: cfg.Postgres, Schema: cfg.Schema, Node: cfg.ID, MaxConns: leaseConns,
		Breaker: b, Logger: n.logger})
	if err != nil {
		return err
	}
	p.rosters, p.cursors = pgstore.NewRosters(p.db), pgstore.NewCursors(p.db)
	p.limits = pgstore.NewLimits(p.db, cfg.Registerer)
	p.bus, err = pgbus.New(pgbus.Config{DB: p.db, Node: name, Logger: n.logger, Registerer: cfg.Registerer})
	return err
}

// leaseConns are for a renewal, and a claim beside it.
const leaseConns = 2

// close ends what topics no longer need.
func (p *postgresSide) close(ctx context.Context) error {
	var errs []error
	add := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if p.bus != nil {
		add("relay", p.bus.Close(ctx))
	}
	if p.janitor != nil {
		add("janitor", p.janitor.Close(ctx))
	}
	if p.pinger != nil {
		p.pinger.close()
	}
	if p.store != nil {
		add("history", p.store.Close(ctx))
	}
	if p.leases != nil {
		add("leases", p.leases.Close())
	}
	add("pool", p.db.Close())
	return errors.Join(errs...)
}

// A pinger asks Postgres something now and then, so that an outage is noticed, and its end, also
// while nothing else is asked.
type pinger struct {
	stop context.CancelFunc
	done chan struct{}
}

const pingEvery = time.Second

func startPinger(db *pgdb.DB) *pinger {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pinger{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(pingEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = db.Ping(ctx) // the breaker is told
			}
		}
	}()
	return p
}

func (p *pinger) close() {
	p.stop()
	<-p.done
}
