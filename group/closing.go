package group

import (
	"context"
	"errors"

	"github.com/troupe-rt/troupe/topic/roster"
)

// CloseGroup ends a group: its members, on all nodes, are sent `close` and are members
// no longer, and for the time that the policy says nobody can join. Closing again
// completes what failed midway, and renews the time. Errors: *topic.InputError,
// ErrNoGroup, one that wraps ErrUnavailable, or the context's; after the last two it
// is unknown whether it is closed.
func (g *Groups) CloseGroup(ctx context.Context, name string) error {
	p, err := g.admit(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	err = g.rosters.Shut(ctx, name, p.ClosedFor)
	if errors.Is(err, roster.ErrUnavailable) {
		return translate(err)
	}
	return unavailable(name, "close", err)
}

// Reopen lets the name of a closed group be used again. The group begins empty, with
// the metadata of its policy. It does nothing to a group that is open. Errors are
// those of CloseGroup.
func (g *Groups) Reopen(ctx context.Context, name string) error {
	if _, err := g.admit(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	return unavailable(name, "reopen", g.rosters.Reopen(ctx, name))
}

// Stop ends this node's part in all groups: what was begun is finished, Outlets are
// told Closed, and the node's members leave. Hooks that wait are still called. An
// error means that ctx ended first, or that others have to bury what the node shows.
func (g *Groups) Stop(ctx context.Context) error {
	return errors.Join(g.rosters.Close(ctx), g.hooks.stop(ctx))
}

// Bury takes the members of a dead node out. It may be called again, and by several
// nodes at once.
func (g *Groups) Bury(ctx context.Context, life string) error { return g.rosters.Bury(ctx, life) }

// Reborn has every group show this node's members anew, under its present life.
func (g *Groups) Reborn() { g.rosters.Reborn() }

// Recheck has every group compare itself with the Store, as after an outage.
func (g *Groups) Recheck() { g.rosters.Recheck() }

// Len is how many groups have an actor right now.
func (g *Groups) Len() int { return g.rosters.Len() }
