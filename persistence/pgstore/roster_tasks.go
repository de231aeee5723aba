package pgstore

import (
	"context"
	"math"
	"time"
)

const (
	// rosterPage is how many rows a statement of a task looks at, and rosterPages how many of them a round has.
	rosterPage, rosterPages = 1000, 20

	// rosterCounts is how many members a statement that verifies counts.
	rosterCounts = 5000
)

// rosterAfter is where the next rounds of the tasks begin. Each task has its own; nobody else looks.
type rosterAfter struct {
	verify, rosters, life, name []byte
	members                     int64
}

func newRosterAfter() rosterAfter {
	return rosterAfter{[]byte{}, []byte{}, []byte{}, []byte{}, math.MinInt64}
}

// Tasks forget what nobody needs any more, and count what is there: where another program wrote, the
// roster begins anew, so that its nodes show again whom they have. A round looks at some ten
// thousand rows; the next goes on there.
func (r *Rosters) Tasks() []Task {
	return []Task{
		{Name: "rosters: forget", Every: time.Minute, Run: r.forget},
		{Name: "rosters: forget lives", Every: time.Minute, Run: r.forgetLives},
		{Name: "rosters: forget members", Every: 5 * time.Minute, Run: r.forgetMembers},
		{Name: "rosters: forget the dead", Every: 5 * time.Minute, Run: func(ctx context.Context) error {
			return r.exec(ctx, "forget the dead", r.sql.forgetDead)
		}},
		{Name: "rosters: verify", Every: time.Minute, Run: r.verify},
	}
}

func (r *Rosters) forget(ctx context.Context) error {
	return rounds(func() (end bool, err error) {
		var last []byte
		err = r.row(ctx, "forget rosters", r.sql.forget, []any{r.after.rosters, rosterPage}, &last)
		if err == nil {
			r.after.rosters = append([]byte{}, last...)
		}
		return last == nil, err
	})
}

func (r *Rosters) forgetLives(ctx context.Context) error {
	return rounds(func() (end bool, err error) {
		var life, name []byte
		err = r.row(ctx, "forget lives", r.sql.forgetLives, []any{r.after.life, r.after.name, rosterPage}, &life, &name)
		if err == nil {
			r.after.life, r.after.name = append([]byte{}, life...), append([]byte{}, name...)
		}
		return life == nil, err
	})
}

func (r *Rosters) forgetMembers(ctx context.Context) error {
	return rounds(func() (end bool, err error) {
		var last *int64
		err = r.row(ctx, "forget members", r.sql.forgetMembers, []any{r.after.members, rosterPage, rosterPage}, &last)
		if err == nil && last != nil {
			r.after.members = *last
		} else if err == nil {
			r.after.members = math.MinInt64
		}
		return last == nil, err
	})
}

func (r *Rosters) verify(ctx context.Context) error {
	return rounds(func() (end bool, err error) {
		var last []byte
		err = r.row(ctx, "verify rosters", r.sql.verifyAll, []any{r.after.verify, rosterCounts, randomID()}, &last)
		if err == nil {
			r.after.verify = append([]byte{}, last...)
		}
		return last == nil, err
	})
}

// rounds calls one step after the other, until the end of the table or of the round.
func rounds(step func() (end bool, err error)) error {
	for range rosterPages {
		if end, err := step(); end || err != nil {
			return err
		}
	}
	return nil
}
