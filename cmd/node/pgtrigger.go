package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/troupe-rt/troupe/bridge/pgnotify"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

type pgTriggerCommand struct {
	Table   string   `required:"" placeholder:"NAME" help:"The table, such as public.messages; as the catalog has it, so mostly in lower case."`
	Topic   string   `placeholder:"TEXT" help:"Where its changes are published, with {column} for what a row has there: room:{room_id}. Default: the table's name."`
	Columns []string `placeholder:"NAME,..." help:"What the events have of a row. Default: all."`
	Key     []string `placeholder:"NAME,..." help:"The columns that tell a row from others. Default: the primary key if the command is to install the trigger, otherwise id."`
	Via     string   `default:"notify" placeholder:"HOW" help:"notify, or outbox: nothing is lost, however large, at the cost of a row per event. Default notify."`
	Channel string   `placeholder:"NAME" help:"The channel to notify. Default table_changes; a node listens to it if bridge.notify lists it."`
	Name    string   `placeholder:"NAME" help:"Name of the trigger and its function. Default troupe_ and the table's name."`
	Install bool     `xor:"do" help:"Install it, instead of printing the SQL that would."`
	Remove  bool     `xor:"do" help:"Remove it."`
	database
}

// Run prints what would be run, which needs no database, or runs it.
func (c *pgTriggerCommand) Run(ctx context.Context, m *Main, flags given) (err error) {
	o := pgnotify.TriggerOptions{Table: c.Table, Topic: c.Topic, Columns: c.Columns, Key: c.Key,
		Via: pgnotify.Via(c.Via), Channel: c.Channel, Name: c.Name}
	if !c.Install && !c.Remove {
		return c.print(m, flags, o)
	}
	db, _, err := c.open(ctx, m, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	o.Schema = db.Schema()
	if c.Remove {
		if _, err := pgnotify.Remove(ctx, db, o); err != nil {
			return explainTrigger(err)
		}
		_, err = fmt.Fprintf(m.Stdout, "%s is no longer announced.\n", c.Table)
		return err
	}
	if _, err := pgnotify.Install(ctx, db, o); err != nil {
		return explainTrigger(err)
	}
	_, err = fmt.Fprintf(m.Stdout, "Changes of %s are announced from now on. %s\n", c.Table, c.next())
	return err
}

// next says what a node needs in order to publish them.
func (c *pgTriggerCommand) next() string {
	if pgnotify.Via(c.Via) == pgnotify.ViaOutbox {
		return "The nodes with this schema publish them."
	}
	channel := c.Channel
	if channel == "" {
		channel = pgnotify.DefaultChannel
	}
	return "A node publishes them that has in its file:\n\nbridge:\n  notify: [{channel: " + channel + ", leader: true}]"
}

func (c *pgTriggerCommand) print(m *Main, flags given, o pgnotify.TriggerOptions) error {
	from := configured{Config: c.Config}
	loaded, err := from.load(m, flags)
	if err != nil {
		return err
	}
	if o.Schema, err = schemaOf(loaded); err != nil {
		return &usageError{fmt.Errorf("schema: %w", err)}
	}
	install, remove, err := pgnotify.TriggerSQL(o)
	if err != nil {
		return explainTrigger(err)
	}
	_, err = io.WriteString(m.Stdout, install+"\n-- To remove it:\n"+commented(remove))
	return err
}

// explainTrigger names the flags that are wrong.
func explainTrigger(err error) error {
	var faults []error
	for _, one := range flatten(err) {
		fault, ok := errors.AsType[*pgnotify.ConfigError](one)
		if !ok {
			return explainSchema(err, pgdb.DefaultSchema)
		}
		faults = append(faults, fmt.Errorf("--%s: %s", fault.Field, fault.Rule))
	}
	return &usageError{errors.Join(faults...)}
}
