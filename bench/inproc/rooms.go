//go:build linux

package inproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// nobody is the data of members that have none.
type nobody struct{}

// presencePairs measures members who come and go in a room of t.Room others: an
// event is a join, for all to see, and the leave.
func presencePairs(ctx context.Context, t Task) (map[string]float64, error) {
	node, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer node.Close()
	here := presence.Of[nobody](node.Presence(), room)
	if _, err := crowd(ctx, here, t.Room); err != nil {
		return nil, err
	}
	m := &meter{}
	var next atomic.Int64
	return m.run(ctx, t, t.Window, func(measured context.Context, _ int) error {
		for measured.Err() == nil {
			began := time.Now()
			s, err := here.Join(ctx, "user-"+strconv.FormatInt(next.Add(1), 10), nobody{})
			if err == nil {
				err = s.Leave()
			}
			if err != nil {
				return err
			}
			m.done(began)
		}
		return nil
	})
}

// crowd has as many members enter.
func crowd(ctx context.Context, here presence.Room[nobody], n int) ([]*presence.Session[nobody], error) {
	all := make([]*presence.Session[nobody], n)
	workers := min(64, n)
	err := together(workers, func(w int) error {
		for i := w; i < n; i += workers {
			var err error
			if all[i], err = here.Join(ctx, "present-"+strconv.Itoa(i), nobody{}); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// massLeaves is how often massLeave is repeated; the median counts.
const massLeaves = 7

// massLeave measures how long it takes until a receiver on another node was told
// that half of t.Room members have left at once.
func massLeave(ctx context.Context, t Task) (map[string]float64, error) {
	here, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	there, err := startNode(ctx, t, "b")
	if err != nil {
		return nil, err
	}
	defer there.Close()
	var took []time.Duration
	for i := range massLeaves {
		d, err := leaveOnce(ctx, t, here, there, room+strconv.Itoa(i))
		if err != nil {
			return nil, fmt.Errorf("inproc: %s: %w", t.Program, err)
		}
		took = append(took, d)
	}
	slices.Sort(took)
	return map[string]float64{report.MillisTold: took[len(took)/2].Seconds() * 1e3}, nil
}

func leaveOnce(ctx context.Context, t Task, here, there *cluster.Node, name string) (time.Duration, error) {
	all, err := crowd(ctx, presence.Of[nobody](here.Presence(), name), t.Room)
	if err != nil {
		return 0, err
	}
	feed := topic.NewFeed(t.Room + 1024)
	if err := there.Presence().Watch(name, feed, feed); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	if err := hear(ctx, feed, func(e heard) bool { return len(e.State) == t.Room }); err != nil {
		return 0, err
	}
	gone := t.Room / 2
	began := time.Now()
	for _, s := range all[:gone] {
		if err := s.Leave(); err != nil {
			return 0, err
		}
	}
	told := 0
	err = hear(ctx, feed, func(e heard) bool {
		told += len(e.Leaves)
		return told >= gone
	})
	took := time.Since(began)
	if told != gone && err == nil {
		err = fmt.Errorf("%d leaves were told, not %d", told, gone)
	}
	return took, err
}

// heard is what a receiver of presence is told.
type heard struct {
	State  map[string]json.RawMessage
	Leaves map[string]json.RawMessage `json:"leaves"`
}

// hear reads what a receiver is told until enough says so.
func hear(ctx context.Context, feed *topic.Feed, enough func(heard) bool) error {
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			var h heard
			into := any(&h)
			if e.Name() == presence.EventState {
				into = &h.State
			}
			if err := json.Unmarshal(e.Data(), into); err != nil {
				return err
			}
			if enough(h) {
				return nil
			}
		}
	}
}

// groupPairs is presencePairs for a group.
func groupPairs(ctx context.Context, t Task) (map[string]float64, error) {
	node, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer node.Close()
	join := func(id string) (*group.Seat, error) {
		return node.Groups().Join(ctx, "bench", group.Joiner{Identity: id, Connection: id})
	}
	err = together(64, func(w int) error {
		var errs error
		for i := w; i < t.Room; i += 64 {
			_, err := join("present-" + strconv.Itoa(i))
			errs = errors.Join(errs, err)
		}
		return errs
	})
	if err != nil {
		return nil, err
	}
	m := &meter{}
	var next atomic.Int64
	return m.run(ctx, t, t.Window, func(measured context.Context, _ int) error {
		for measured.Err() == nil {
			began := time.Now()
			s, err := join("user-" + strconv.FormatInt(next.Add(1), 10))
			if err == nil {
				err = s.Leave()
			}
			if err != nil {
				return err
			}
			m.done(began)
		}
		return nil
	})
}
