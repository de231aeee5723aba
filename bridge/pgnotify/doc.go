// Package pgnotify publishes what Postgres notifies: LISTEN/NOTIFY to topics, and a trigger that
// announces the changes of a table.
package pgnotify
