package topic

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// keeping is a Log, and what can be said of it without asking.
type keeping struct {
	log      Log
	local    bool        // it does no I/O
	relaying bool        // it relays what it numbers
	renewer  RenewingLog // nil: it never goes back
}

func newKeeping(log Log, relay Relay) *keeping {
	k := &keeping{log: log}
	_, k.local = log.(LocalLog)
	if relay != nil {
		_, k.relaying = log.(RelayingLog)
	}
	k.renewer, _ = log.(RenewingLog)
	return k
}

// keepings are those of all Logs, by name; "" is the usual one.
func (c Config) keepings() map[string]*keeping {
	all := map[string]*keeping{"": newKeeping(c.Log, c.Relay)}
	for name, log := range c.Logs {
		all[name] = newKeeping(log, c.Relay)
	}
	return all
}

// checkStore is a fault of a policy that names a Log which there is not.
func (c Config) checkStore(p Policy) error {
	if _, ok := c.Logs[p.Store]; ok || p.Store == "" {
		return nil
	}
	names := make([]string, 0, len(c.Logs))
	for name := range c.Logs {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("history.store: there is no store %.40q, only: %s", p.Store, strings.Join(names, ", "))
}

// keepingOf is where the topics of a policy keep their events.
func (t *Topics) keepingOf(p *Policy) *keeping { return t.keepings[p.Store] }

// Clear forgets the topic's history. Receivers are told by `truncated`, and its
// next position has another epoch. After an error that wraps ErrUnavailable receivers
// on other nodes may not have been told: clear again.
func (t *Topics) Clear(ctx context.Context, name string) error {
	policy, err := t.withHistory(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	keep := t.keepingOf(&policy)
	if err := keep.log.Clear(ctx, name); err != nil {
		return unavailable(name, "clear", err)
	}
	if _, err = t.keeper.TellExisting(name, &look{}); err != nil {
		return refusal(err)
	}
	if err := t.tellEpoch(ctx, name, keep); err != nil {
		return unavailable(name, "tell that it was cleared", err)
	}
	return nil
}

// tellEpoch sends the other nodes where a topic stands after its epoch changed, where the Log does not.
func (t *Topics) tellEpoch(ctx context.Context, name string, k *keeping) error {
	if t.cfg.Relay == nil || k.relaying {
		return nil
	}
	page, err := k.log.Read(ctx, name, 0, 0, Retention{Size: 1})
	if err != nil {
		return err
	}
	f := frame{node: t.id, epoch: page.Head.Epoch, head: page.Head.Seq}
	return t.cfg.Relay.Publish(ctx, name, f.encode())
}
