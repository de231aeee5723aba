package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// sound is a database that nothing is wrong with.
func sound() Database {
	return Database{
		Facts: pgdb.Facts{Version: "15.4", Major: 15, Database: "app", User: "ann", SchemaExists: true, CreateInSchema: true,
			SynchronousCommit: "on", Fsync: true, MaxConnections: 100, ReservedConnections: 3, Connections: 10, Ours: 5,
			OneSession: true, Tables: []pgdb.Table{{Name: "events", Bytes: 1 << 20, Live: 100_000, Dead: 20_000}}},
		Schema: "troupe", Conns: 8, Beside: 4,
		RoundTrip: RoundTrip{Median: time.Millisecond, Ahead: time.Millisecond},
	}
}

func TestJudgePostgres(t *testing.T) {
	t.Parallel()
	missing := fmt.Errorf("pgdb: schema: %w", pgdb.ErrNotMigrated)
	for name, c := range map[string]struct {
		change func(*Database)
		check  string
		want   Verdict
		says   string
	}{
		"old":                  {func(d *Database) { d.Version, d.Major = "13.2", 13 }, "version", Fail, "Troupe needs 14"},
		"standby":              {func(d *Database) { d.InRecovery = true }, "role", Fail, "target_session_attrs=read-write"},
		"read only":            {func(d *Database) { d.ReadOnly = true }, "role", Fail, "alter role ann set"},
		"read only, odd name":  {func(d *Database) { d.ReadOnly, d.User = true, `a"; drop` }, "role", Fail, `alter role "a""; drop" set`},
		"no fsync":             {func(d *Database) { d.Fsync = false }, "durability", Fail, "destroy the whole database"},
		"no commit":            {func(d *Database) { d.SynchronousCommit = "off" }, "durability", Warn, "half second"},
		"local commit":         {func(d *Database) { d.SynchronousCommit = "local" }, "durability", OK, "synchronous_commit local"},
		"room":                 {func(*Database) {}, "connections", OK, "room for 7 nodes of 12 connections"},
		"little room":          {func(d *Database) { d.Connections = 80 }, "connections", Warn, "room for 1 nodes"},
		"no room":              {func(d *Database) { d.Connections = 100 }, "connections", Fail, "room for 0 nodes"},
		"fewer than ours":      {func(d *Database) { d.Connections, d.Ours = 1, 5 }, "connections", OK, "0 are taken by others"},
		"pool too large":       {func(d *Database) { d.Conns = 200 }, "connections", Fail, "--postgres-conns"},
		"queue fills":          {func(d *Database) { d.NotifyQueue = 0.1 }, "notifications", Warn, "10.0 % full"},
		"queue full":           {func(d *Database) { d.NotifyQueue = 0.9 }, "notifications", Fail, "every transaction that notifies fails"},
		"old transaction":      {func(d *Database) { d.OldestTransaction = time.Hour }, "old transaction", Warn, "1h0m0s"},
		"slot":                 {func(d *Database) { d.Slots = []pgdb.Slot{{Name: "a", Retained: 1 << 20}} }, "replication slot", Warn, `"a" is not in use and holds back 1.0 MiB`},
		"slot that lags":       {func(d *Database) { d.Slots = []pgdb.Slot{{Name: "a", Active: true, Retained: 2 << 30}} }, "replication slot", Fail, `"a" lags and holds back 2.0 GiB`},
		"bloat":                {func(d *Database) { d.Tables[0].Dead = 200_000 }, "bloat", Warn, "200000 of 300000 rows of troupe.events"},
		"small table":          {func(d *Database) { d.Tables[0] = pgdb.Table{Name: "x", Live: 1, Dead: 5000} }, "bloat", OK, ""},
		"drift":                {func(d *Database) { d.Steps = &pgdb.DriftError{Schema: "troupe", What: "column a.b is missing"} }, "schema", Fail, "column a.b is missing"},
		"newer":                {func(d *Database) { d.Steps = fmt.Errorf("x: %w", pgdb.ErrNewer) }, "schema", Fail, "at least as new"},
		"steps unseen":         {func(d *Database) { d.Steps = errors.New("no answer") }, "schema", Unknown, "no answer"},
		"to be made":           {func(d *Database) { d.Steps, d.SchemaExists, d.CreateInDatabase = missing, false, true }, "schema", OK, "this user may make it"},
		"to be brought up":     {func(d *Database) { d.Steps = missing }, "schema", OK, "this user may make it"},
		"nobody may make it":   {func(d *Database) { d.Steps, d.SchemaExists = missing, false }, "schema", Fail, "grant create on database app to ann"},
		"nobody may change it": {func(d *Database) { d.Steps, d.CreateInSchema, d.CreateInDatabase = missing, false, true }, "schema", Fail, "node pg migrate"},
		"denied":               {func(d *Database) { d.Denied = []string{"events", "troupe_publish()"} }, "rights", Fail, "events, troupe_publish()"},
		"rights unseen":        {func(d *Database) { d.RightErr = errors.New("no answer") }, "rights", Unknown, "no answer"},
		"deaf":                 {func(d *Database) { d.Notify = errNothingCame }, "listen", Fail, "pool_mode = session"},
		"pooler":               {func(d *Database) { d.OneSession = false }, "sessions", Fail, "transaction mode"},
		"far":                  {func(d *Database) { d.Median = 20 * time.Millisecond }, "latency", Warn, "Postgres in one network"},
		"clock":                {func(d *Database) { d.Ahead = -time.Minute }, "clock", Warn, "Postgres's clock is behind"},
		"mute":                 {func(d *Database) { d.FactsErr = errors.New("no answer") }, "facts", Unknown, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sound()
			c.change(&d)
			for _, found := range JudgePostgres(d) {
				if found.Check != c.check {
					continue
				}
				if said := found.What + " " + found.Effect + " " + found.Fix; found.Verdict != c.want || !strings.Contains(said, c.says) {
					t.Errorf("%s: %s, want %s with %q", found.Verdict, said, c.want, c.says)
				}
				whole(t, found)
				return
			}
			t.Errorf("nothing of %s in %+v", c.check, JudgePostgres(d))
		})
	}
	for _, found := range JudgePostgres(sound()) {
		if whole(t, found); found.Verdict != OK || found.Backend != "postgres" {
			t.Errorf("%+v", found)
		}
	}
}

// whole looks whether a finding says what is, what that does, and what to do.
func whole(t *testing.T, f Finding) {
	t.Helper()
	if f.Check == "" || !strings.HasSuffix(f.What, ".") || !strings.HasSuffix(f.Effect, ".") || (f.Fix == "") != (f.Verdict == OK) {
		t.Errorf("%+v", f)
	}
}
