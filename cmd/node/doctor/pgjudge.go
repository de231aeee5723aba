package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// JudgePostgres turns what was learned of a database into findings.
func JudgePostgres(d Database) []Finding {
	var found []Finding
	if d.FactsErr != nil {
		found = one("facts", Unknown, "Could not ask the server about itself: "+plain(d.FactsErr)+".",
			"Whether the guarantees hold depends on its settings all the same.", "Run node doctor again, or as another user")
	} else {
		found = append(found, checkServer(d.Version, d.Major)...)
		for _, check := range []func(Database) []Finding{checkStandby, checkDurable, checkBudget, checkQueue, checkOldest, checkSlots, checkBloat} {
			found = append(found, check(d)...)
		}
	}
	found = append(found, checkSteps(d)...)
	found = append(found, checkGrants(d)...)
	found = append(found, checkListen(d)...)
	return of(backendPostgres, append(found, checkLatency("Postgres", d.Median), checkClock("Postgres", d.Ahead)))
}

func checkServer(version string, major int) []Finding {
	need := fmt.Sprintf("Troupe needs %d or newer.", pgdb.MinVersion)
	if major < pgdb.MinVersion {
		return one("version", Fail, "The server is Postgres "+version+".", need, "Upgrade Postgres.")
	}
	return one("version", OK, "The server is Postgres "+version+".", need, "")
}

func checkStandby(d Database) []Finding {
	switch {
	case d.InRecovery:
		return one("role", Fail, "The server is a standby.", "Every publish, and with it every lease, is refused here.",
			"Give the address of the primary, or several: postgres://a,b/database?target_session_attrs=read-write")
	case d.ReadOnly:
		return one("role", Fail, "Transactions are read only (default_transaction_read_only).", "Every publish, and with it every lease, is refused.",
			"alter role "+ident(d.User)+" set default_transaction_read_only = off")
	}
	return nil
}

// checkDurable says what a crash of the server loses.
func checkDurable(d Database) []Finding {
	switch {
	case !d.Fsync:
		return one("durability", Fail, "Nothing is forced to disk (fsync off).",
			"A crash of the machine can destroy the whole database.", "alter system set fsync = on; select pg_reload_conf()")
	case d.SynchronousCommit == "off":
		return one("durability", Warn, "Commits do not wait for the disk (synchronous_commit off).",
			"A crash of the server loses about the last half second of what was acknowledged.", "alter system set synchronous_commit = on; select pg_reload_conf()")
	}
	return one("durability", OK, "A commit is on disk before it is answered (fsync on, synchronous_commit "+d.SynchronousCommit+").",
		"A crash of the server loses nothing that was acknowledged.", "")
}

// checkBudget counts how many nodes have room.
func checkBudget(d Database) []Finding {
	per := d.Conns + d.Beside
	others := max(d.Connections-d.Ours, 0)
	room := max(d.MaxConnections-d.ReservedConnections-others, 0) / per
	what := fmt.Sprintf("max_connections is %d, of which %d are reserved and %d are taken by others: there is room for %d nodes of %d connections (%d in the pool, %d beside it).",
		d.MaxConnections, d.ReservedConnections, others, room, per, d.Conns, d.Beside)
	const effect = "A node that gets no connection does not start, or counts Postgres as down."
	const fix = "Fewer per node, --postgres-conns 4, or more: alter system set max_connections = 200, and restart Postgres"
	switch {
	case room < 1:
		return one("connections", Fail, what, effect, fix)
	case room < 3:
		return one("connections", Warn, what, effect+" While nodes are replaced by new ones, both need theirs.", fix)
	}
	return one("connections", OK, what, effect, "")
}

// checkQueue looks at the queue of notifications, which is full when somebody who
// listens does not read for long.
func checkQueue(d Database) []Finding {
	what := fmt.Sprintf("The queue of notifications is %.1f %% full.", 100*d.NotifyQueue)
	const effect = "When it is full, every transaction that notifies fails, on all nodes."
	const fix = "Find the transaction that has run for long while listening: select pid, xact_start, application_name from pg_stat_activity order by xact_start limit 3"
	switch {
	case d.NotifyQueue >= 0.5:
		return one("notifications", Fail, what, effect, fix)
	case d.NotifyQueue >= 0.05:
		return one("notifications", Warn, what, effect, fix)
	}
	return one("notifications", OK, what, "It fills when somebody listens and does not read.", "")
}

// oldTransaction is far more than any of Troupe's takes.
const oldTransaction = 10 * time.Minute

func checkOldest(d Database) []Finding {
	if d.OldestTransaction < oldTransaction {
		return nil
	}
	return one("old transaction", Warn, "A transaction has run for "+d.OldestTransaction.Round(time.Second).String()+".",
		"While it runs no dead row that is younger can be removed, so tables grow and reads of the outbox and of leases become slow.",
		"select pid, xact_start, state, application_name from pg_stat_activity order by xact_start limit 3; then pg_terminate_backend(pid)")
}

// heldBack is a slot's backlog beyond which it is likely that nobody reads it any more.
const heldBack = 1 << 30

func checkSlots(d Database) []Finding {
	var found []Finding
	for _, s := range d.Slots {
		state, verdict := "lags", Warn
		if !s.Active {
			state = "is not in use"
		}
		if s.Retained >= heldBack {
			verdict = Fail
		}
		found = append(found, one("replication slot", verdict, fmt.Sprintf("The slot %.63q %s and holds back %s of the log.", s.Name, state, bytesText(s.Retained)),
			"The log grows until the disk is full; then Postgres stops, and nothing can be published.",
			"Start what reads it, or, if that is gone for good: select pg_drop_replication_slot('NAME')")...)
	}
	return found
}

// A table is bloated when it has more dead rows than living ones, and many.
const (
	manyDead  = 10_000
	deadShare = 0.5
)

func checkBloat(d Database) []Finding {
	var found []Finding
	var all int64
	for _, t := range d.Tables {
		all += t.Bytes
		if t.Dead >= manyDead && t.DeadRatio() >= deadShare {
			found = append(found, one("bloat", Warn, fmt.Sprintf("%d of %d rows of %s.%s are dead; it takes %s.", t.Dead, t.Dead+t.Live, d.Schema, t.Name, bytesText(t.Bytes)),
				"Reads and writes of it become slow.", fmt.Sprintf("vacuum (verbose) %s.%s; if that removes little, a transaction has run for long", d.Schema, t.Name))...)
		}
	}
	if len(found) == 0 && len(d.Tables) > 0 {
		return one("bloat", OK, fmt.Sprintf("The tables take %s, few of their rows are dead.", bytesText(all)), "Vacuum keeps up.", "")
	}
	return found
}

func checkSteps(d Database) []Finding {
	drift, drifted := errors.AsType[*pgdb.DriftError](d.Steps)
	switch {
	case d.Steps == nil:
		return one("schema", OK, "The schema "+d.Schema+" is up to date.", "Nodes start at once.", "")
	case drifted:
		return one("schema", Fail, "The schema "+d.Schema+" is not what its steps made: "+drift.What+".", "Nodes do not start.",
			"Put it back as it was, or, where nothing in it matters: drop schema "+d.Schema+" cascade")
	case errors.Is(d.Steps, pgdb.ErrNewer):
		return one("schema", Fail, "The schema "+d.Schema+" has steps that this program does not know.", "Nodes of this version do not start.", "Run a version that is at least as new")
	case !errors.Is(d.Steps, pgdb.ErrNotMigrated):
		return one("schema", Unknown, "Could not check the schema "+d.Schema+": "+plain(d.Steps)+".", "Nodes may not start.", "Run node doctor again, or node pg status")
	case d.SchemaExists && d.CreateInSchema || !d.SchemaExists && d.CreateInDatabase:
		return one("schema", OK, "The schema "+d.Schema+" is not there yet, or not up to date, and this user may make it.",
			"The first node that starts does.", "")
	}
	return one("schema", Fail, "The schema "+d.Schema+" is not there, or not up to date, and this user may not make it.", "Nodes do not start.",
		"Run node pg migrate as a user who may create in the database, or: grant create on database "+ident(d.Database)+" to "+ident(d.User))
}

var usual = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// ident quotes a name where SQL wants that.
func ident(name string) string {
	if usual.MatchString(name) {
		return name
	}
	return pgx.Identifier{name}.Sanitize()
}

func checkGrants(d Database) []Finding {
	switch {
	case d.RightErr != nil:
		return one("rights", Unknown, "Could not check what this user may use: "+plain(d.RightErr)+".", "What is refused to a node fails.", "Run node doctor again")
	case len(d.Denied) > 0:
		return one("rights", Fail, fmt.Sprintf("This user may not use these of schema %s: %s.", d.Schema, strings.Join(d.Denied, ", ")),
			"A node can not keep, number or carry what is published.",
			fmt.Sprintf("grant usage on schema %[1]s to %[2]s; grant all on all tables in schema %[1]s to %[2]s; grant all on all sequences in schema %[1]s to %[2]s; grant execute on all functions in schema %[1]s to %[2]s",
				d.Schema, ident(d.User)))
	case d.FactsErr == nil && !d.SchemaExists:
		return nil // there is nothing to use yet
	}
	return one("rights", OK, "This user may use everything in the schema.", "Nothing is refused to the node.", "")
}

func checkListen(d Database) []Finding {
	const effect = "Nodes do not hear each other, the outbox and the bridge hear nothing, and locks by which one node is elected do not hold."
	const pooler = "Give the address of Postgres itself, or have the pooler work by session (pgbouncer: pool_mode = session)"
	switch {
	case d.FactsErr == nil && !d.OneSession:
		return one("sessions", Fail, "Two transactions of one connection ran in two sessions: a pooler in transaction mode is between.", effect, pooler)
	case d.Notify != nil:
		return one("listen", Fail, "What was notified did not come back: "+plain(d.Notify)+".", effect, pooler)
	}
	return one("listen", OK, "What was notified came back within a second.", "Nodes hear each other, and the database.", "")
}
