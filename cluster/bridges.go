package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
)

// bridges bring what happens in Postgres to the topics.
type bridges struct {
	notify *pgnotify.Bridge
	outbox *outbox.Forwarder
}

func (c Config) checkBridges(add func(field, format string, args ...any)) {
	if c.Postgres == "" {
		if len(c.Notify) > 0 {
			add("notify", "needs postgres")
		}
		if c.Outbox != nil {
			add("outbox", "needs postgres")
		}
		return
	}
	for i, ch := range c.Notify {
		for _, fault := range ch.Faults(c.Schema) {
			add(fmt.Sprintf("notify[%d].%s", i, fault.Field), "%s", fault.Rule)
		}
	}
	if c.Outbox != nil {
		for _, fault := range c.Outbox.Faults() {
			add("outbox."+strings.TrimPrefix(fault.Field, "outbox."), "%s", fault.Rule)
		}
	}
}

// bridge begins to take from Postgres what is for topics. It is the last that starts.
func (n *Node) bridge(ctx context.Context, cfg Config) (err error) {
	if len(cfg.Notify) > 0 {
		n.bridges.notify, err = pgnotify.Start(ctx, pgnotify.Config{DB: n.postgres.db, Topics: n.topics, Channels: cfg.Notify,
			Logger: n.logger, Registerer: cfg.Registerer})
		if err != nil {
			return err
		}
	}
	if cfg.Outbox != nil {
		o := *cfg.Outbox
		o.DB, o.Topics, o.Logger, o.Registerer = n.postgres.db, n.topics, n.logger, cfg.Registerer
		n.bridges.outbox, err = outbox.Start(ctx, o)
	}
	return err
}

// close ends them before the topics that they feed.
func (b *bridges) close(ctx context.Context) error {
	var parts []part
	if b.notify != nil {
		parts = append(parts, part{"notify", b.notify.Close})
	}
	if b.outbox != nil {
		parts = append(parts, part{"outbox", b.outbox.Close})
	}
	return errors.Join(together(ctx, parts)...)
}

// Notify is what Config.Notify started; nil without.
func (n *Node) Notify() *pgnotify.Bridge { return n.bridges.notify }

// Outbox is what Config.Outbox started; nil without.
func (n *Node) Outbox() *outbox.Forwarder { return n.bridges.outbox }
