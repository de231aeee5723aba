package pgstore

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/topic/roster"
)

// Apply implements roster.Store. It is one statement. An Apply that failed takes no effect any more
// once a later one for the same roster and life was answered.
//
// Besides the errors of the port it answers ErrTooLarge for more than 18 MiB of keys and values.
func (r *Rosters) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	if err := checkOps(name, life, ops); err != nil {
		return roster.Applied{}, fmt.Errorf("pgstore: apply: %w", err)
	}
	leave, err := r.lines.enter(ctx, name, life)
	if err != nil {
		return roster.Applied{}, fmt.Errorf("pgstore: apply: %w", err)
	}
	defer leave()
	keys, values := make([][]byte, len(ops)), make([][]byte, len(ops))
	for i, op := range ops {
		keys[i], values[i] = []byte(op.Key), op.Value
	}
	args := []any{r.channel, []byte(name), []byte(life), keys, values, min(max(limit, 0), 1<<31-1), randomID(),
		r.mark(life), r.writer, r.number.Add(1)}
	var state string
	var a answer
	err = r.row(ctx, "apply", r.sql.apply, args, &state, &a.epoch, &a.version, &a.members, &a.letters, &a.back)
	switch {
	case err != nil:
		return roster.Applied{}, err
	case state == "ok":
		return a.applied(ops)
	case state == "closed":
		return roster.Applied{}, roster.ErrClosed
	case state == "buried":
		return roster.Applied{}, roster.ErrBuried
	}
	return roster.Applied{}, fmt.Errorf("pgstore: apply: %s: %w", state, errAnswer)
}

// An answer is what roster_apply says; nothing, unless its state is ok.
type answer struct {
	epoch   *string
	version *int64
	members *int
	letters *string
	back    [][]byte
}

func (a *answer) applied(ops []roster.Op) (roster.Applied, error) {
	bad := fmt.Errorf("pgstore: apply: %w", errAnswer)
	if a.epoch == nil || a.version == nil || a.members == nil || a.letters == nil || len(*a.letters) != len(ops) {
		return roster.Applied{}, bad
	}
	out := roster.Applied{Epoch: *a.epoch, Version: uint64(*a.version), Count: *a.members}
	for i, letter := range *a.letters {
		switch {
		case letter == '+':
			out.Changes = append(out.Changes, roster.Change(ops[i]))
		case letter == '-':
			out.Changes = append(out.Changes, roster.Change{Key: ops[i].Key})
		case letter == 'r' && len(a.back) > 0:
			out.Changes = append(out.Changes, roster.Change{Key: ops[i].Key, Value: a.back[0]})
			a.back = a.back[1:]
		case letter == 'x':
			out.Refused = append(out.Refused, i)
		case letter != '.':
			return roster.Applied{}, bad
		}
	}
	return out, nil
}
