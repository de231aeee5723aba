package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// buriesBeside is how many rosters Bury works on at a time.
const buriesBeside = 8

// Bury implements roster.Store. It drops some hundred members in a step, so that others are
// served between. A roster that Redis refuses, because another program wrote there, does not
// keep it from the others.
func (r *Rosters) Bury(ctx context.Context, life string, also ...string) error {
	end := []string{r.names.LifeKey(life, "buried")}
	if _, err := r.run(ctx, "bury", rosterEndScript, end, rosterTomb.Milliseconds()); err != nil {
		return err
	}
	failed := r.buryAll(ctx, life, also)
	index := r.names.LifeKey(life, "rosters")
	for cursor := uint64(0); failed == nil || redisconn.Answered(failed); {
		scan := redis.NewScanCmd(ctx, nil, "hscan", index, cursor, "count", 256)
		if err := r.conn.Do(ctx, scan); err != nil {
			return errors.Join(failed, fmt.Errorf("redisstore: bury: %w", explain(err)))
		}
		page, next := scan.Val()
		names := make([]string, 0, len(page)/2)
		for i := 0; i < len(page); i += 2 {
			names = append(names, page[i])
		}
		if err := r.buryAll(ctx, life, names); err != nil {
			failed = err
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	return failed
}

// buryAll buries a life on rosters, and takes those off its list. The error is the first of them.
func (r *Rosters) buryAll(ctx context.Context, life string, names []string) error {
	var group errgroup.Group
	group.SetLimit(buriesBeside)
	index := r.names.LifeKey(life, "rosters")
	for _, name := range names {
		group.Go(func() error {
			if err := r.buryOn(ctx, life, name); err != nil {
				return err
			}
			return r.conn.Do(ctx, redis.NewIntCmd(ctx, "hdel", index, name))
		})
	}
	return group.Wait()
}

func (r *Rosters) buryOn(ctx context.Context, life, name string) error {
	for {
		left, err := r.run(ctx, "bury", rosterBuryScript, r.keysOf(name, life), life, rosterBatch,
			r.publish, r.names.Channel(name), rosterTomb.Milliseconds(), rosterBytes)
		if err != nil || left == int64(0) {
			return err
		}
	}
}
