package redisstore

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/topic/roster"
)

// Apply implements roster.Store. It is one script; the first put and the last drop of a life on a
// roster are two more, for the list by which Bury finds them. An Apply that failed takes no
// effect any more once a later one for the same roster and life was answered.
//
// Besides the errors of the port it answers ErrTooLarge for more than 18 MiB of keys and values.
func (r *Rosters) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	if err := checkOps(life, ops); err != nil {
		return roster.Applied{}, fmt.Errorf("redisstore: apply: %w", err)
	}
	keys, args := r.keysOf(name, life), r.applyArgs(name, life, ops, limit)
	token := ""
	for range 8 {
		number := r.number.Add(1)
		args[6], args[7] = number, token
		answer, err := r.list(ctx, "apply", rosterApplyScript, keys, args...)
		if err != nil {
			return roster.Applied{}, err
		}
		switch answer.text() {
		case "ok":
			a, free, err := applied(answer, ops)
			if free != "" {
				r.unregister(ctx, life, name, free)
			}
			return a, err
		case "register":
			token = fmt.Sprint(r.writer, ".", number)
			if err := r.register(ctx, life, name, token); err != nil {
				return roster.Applied{}, err
			}
		case "late": // another goroutine's call was faster; this one did nothing yet
		case "closed":
			r.unregister(ctx, life, name, token)
			return roster.Applied{}, roster.ErrClosed
		case "buried":
			return roster.Applied{}, roster.ErrBuried
		default:
			return roster.Applied{}, fmt.Errorf("redisstore: apply: %w", errAnswer)
		}
	}
	return roster.Applied{}, fmt.Errorf("redisstore: apply: %w", errRestless)
}

func (r *Rosters) applyArgs(name, life string, ops []roster.Op, limit int) []any {
	args := make([]any, 9+2*len(ops))
	copy(args, []any{life, max(limit, 0), r.publish, r.names.Channel(name), newEpoch(), r.writer, 0, "", len(ops)})
	for i, op := range ops {
		args[9+i], args[9+len(ops)+i] = op.Key, op.Value
		if op.Value == nil {
			args[9+len(ops)+i] = ""
		}
	}
	return args
}

// applied reads the script's answer. Free is the life's entry that is no longer needed.
func applied(answer *replies, ops []roster.Op) (a roster.Applied, free string, err error) {
	a = roster.Applied{Epoch: answer.text(), Version: answer.uint(), Count: int(answer.uint())}
	letters := answer.text()
	free = answer.text()
	if len(letters) != len(ops) {
		answer.bad = true
		letters = ""
	}
	for i, letter := range letters {
		switch letter {
		case '+':
			a.Changes = append(a.Changes, roster.Change(ops[i]))
		case '-':
			a.Changes = append(a.Changes, roster.Change{Key: ops[i].Key})
		case 'r':
			a.Changes = append(a.Changes, roster.Change{Key: ops[i].Key, Value: []byte(answer.text())})
		case 'x':
			a.Refused = append(a.Refused, i)
		}
	}
	if answer.bad {
		return roster.Applied{}, free, fmt.Errorf("redisstore: apply: %w", errAnswer)
	}
	return a, free, nil
}

// register notes that a life is to be on a roster, before it is.
func (r *Rosters) register(ctx context.Context, life, name, token string) error {
	keys := []string{r.names.LifeKey(life, "rosters"), r.names.LifeKey(life, "buried")}
	answer, err := r.run(ctx, "register", rosterRegisterScript, keys, name, token)
	if err == nil && answer != int64(1) {
		return roster.ErrBuried
	}
	return err
}

// unregister takes an entry back. One that stays because this failed costs Bury a look.
func (r *Rosters) unregister(ctx context.Context, life, name, token string) {
	if token != "" {
		_, _ = r.run(ctx, "unregister", rosterUnregisterScript, []string{r.names.LifeKey(life, "rosters")}, name, token)
	}
}
