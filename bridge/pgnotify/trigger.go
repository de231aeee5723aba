package pgnotify

import (
	"context"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// DefaultChannel is where triggers notify.
const DefaultChannel = "table_changes"

// Via is how a trigger announces a change.
type Via string

const (
	// ViaNotify sends a notification when the transaction commits. It costs no table, is lost by nodes that are
	// not connected at that moment (receivers are told `stale`), and a row that is too large is announced by its
	// key alone.
	ViaNotify Via = "notify"

	// ViaOutbox writes the event into the outbox in the same transaction: nothing is lost, and size is no
	// limit. It costs the transaction a row per event.
	ViaOutbox Via = "outbox"
)

// TriggerOptions say what a trigger announces. Table is required.
type TriggerOptions struct {
	// Table is "messages" or "public.messages", as the catalog has it: with quotes nowhere, and in lower case if it was created
	// without them. Without a schema it is in public.
	Table string

	// Topic is where the changes are published: a name, in which {column} stands for what the row has there, such as
	// "room:{room_id}". A row whose column is null is not announced. A row that moves to another topic is
	// deleted in the one and created in the other.
	//
	// Defaults to the table's name.
	Topic string

	// Columns are what the events have of a row. An update that changes none of them is not announced.
	//
	// Defaults to all.
	Columns []string

	// Key are the columns by which a row is told from others. They are in every event.
	//
	// Defaults to the primary key where it is installed, and to "id" where only the SQL is wanted.
	Key []string

	// Via is ViaNotify or ViaOutbox.
	//
	// Defaults to ViaNotify.
	Via Via

	// Channel is where ViaNotify notifies. See Channel.Name.
	//
	// Defaults to DefaultChannel.
	Channel string

	// Name is that of the trigger and its function, which is in the table's schema.
	//
	// Defaults to "troupe_" and the table's name.
	Name string

	// Schema is where ViaOutbox finds the function troupe_publish: that of pgdb.Config.
	//
	// Defaults to pgdb.DefaultSchema; where it is installed, to the DB's.
	Schema string
}

// TriggerSQL returns the statements that install the trigger and that remove it. Both may be run again. It fails
// with joined *ConfigErrors, one for each fault.
func TriggerSQL(o TriggerOptions) (install, remove string, err error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return "", "", err
	}
	return o.install(), o.remove(), nil
}

// Install makes the trigger, or brings it up to date, in one transaction, and returns what it ran. The table is
// locked against writes for a moment. It fails with joined *ConfigErrors, also when the table or a column is not
// there, or with the database's error.
func Install(ctx context.Context, db *pgdb.DB, o TriggerOptions) (sql string, err error) {
	return install(ctx, db, o)
}

// Remove takes the trigger and its function away. It is no error if they are not there.
func Remove(ctx context.Context, db *pgdb.DB, o TriggerOptions) (sql string, err error) {
	return remove(ctx, db, o)
}
