package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// pg runs node pg with a database and returns what it printed; it must end with the code.
func pg(t *testing.T, code int, database string, args ...string) string {
	t.Helper()
	got, stdout, stderr := run(t, []string{"TROUPE_POSTGRES=" + database}, append([]string{"pg"}, args...)...)
	if got != code || (code == exitFine) != (stderr == "") {
		t.Fatalf("pg %v: code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout + stderr
}

func TestPgMigrateAndStatus(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	steps := pgdb.Migrations()
	if said := pg(t, exitFault, database, "status"); strings.Count(said, "missing") < len(steps) || !strings.Contains(said, "run: node pg migrate") {
		t.Errorf("before: %s", said)
	}
	if said := pg(t, exitFine, database, "migrate"); strings.Count(said, "applied ") != len(steps) || !strings.Contains(said, "applied 1 history\n") || !strings.Contains(said, "The schema troupe at postgres://postgres:********@127.0.0.1") {
		t.Errorf("first: %s", said)
	}
	if said := pg(t, exitFine, database, "migrate"); !strings.HasPrefix(said, "Nothing to do: the schema troupe at postgres://") {
		t.Errorf("again: %s", said)
	}
	pg(t, exitFine, database, "migrate", "--schema", "other")
	pgtest.Exec(t, database, `select troupe.troupe_publish('a', 'b', '{}'::jsonb)`)
	said := pg(t, exitFine, database, "status")
	for _, want := range []string{`(?m)^Schema troupe at postgres://postgres:\*{8}@\S+, Postgres 1\d`, `(?m)^1 +history +20\d\d-\d\d-\d\d`, `(?m)^events +\d+\.\d KiB +\d+ +\d+ +`,
		`(?m)^Outbox: 1 pending, 0 dead, the oldest for `, `(?m)^Queue of notifications: 0\.0 % full$`} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no %s in\n%s", want, said)
		}
	}
	var status pgStatus
	if err := json.Unmarshal([]byte(pg(t, exitFine, database, "status", "--json")), &status); err != nil || len(status.Steps) != len(steps) ||
		status.Steps[0].Applied.IsZero() || len(status.Tables) == 0 || status.Outbox == nil || status.Outbox.Pending != 1 || status.Wrong != "" {
		t.Errorf("%v: %+v", err, status)
	}
	pgtest.Exec(t, database, `alter table troupe.outbox_dead drop column reason`)
	for _, command := range []string{"status", "migrate"} {
		if said := pg(t, exitFault, database, command); !strings.Contains(said, "column outbox_dead.reason is missing") || !strings.Contains(said, "drop schema troupe cascade") {
			t.Errorf("%s: %s", command, said)
		}
	}
}

// TestPgWithoutRights has a user who may not do what the command is for.
func TestPgWithoutRights(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	address, name := postgresAs(t, database)
	pgtest.Exec(t, database, fmt.Sprintf(`do $$ begin execute format('revoke create on database %%I from %s', current_database()); end $$`, name))
	if said := pg(t, exitFault, address, "migrate"); !strings.Contains(said, "node pg migrate") || !strings.Contains(said, "grant") {
		t.Errorf("migrate: %s", said)
	}
	pg(t, exitFine, database, "migrate")
	pgtest.Exec(t, database, `create table public.messages (id bigint primary key)`)
	if said := pg(t, exitFault, address, "trigger", "--table", "messages", "--install"); !strings.Contains(said, "permission denied") {
		t.Errorf("trigger: %s", said)
	}
}

// TestPgTrigger prints a trigger, runs what was printed, and installs and removes one.
func TestPgTrigger(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	pgtest.Exec(t, database, `create table public.messages (id bigint primary key, room_id text, body text, secret text)`)
	p := serve(t, nil, "--config", file(t, "t.yaml", "postgres: "+database+"\nbridge: {notify: [{channel: table_changes, leader: true}]}\n"))
	c := dial(t, p.url, nil)
	c.send(`{"type":"subscribe","topic":"room:1","ref":1}`)
	c.expect(`"subscribed"`)
	eventually(t, func() error {
		if _, health := get(t, p.url+"/debug/health", nil); !strings.Contains(health, `"name":"table_changes","leader":true,"listening":true`) {
			return fmt.Errorf("does not listen: %s", health)
		}
		return nil
	})
	args := []string{"trigger", "--table", "messages", "--topic", "room:{room_id}", "--columns", "id,body"}
	install, remove, _ := strings.Cut(pg(t, exitFine, "", args...), "\n-- To remove it:\n")
	pgtest.Exec(t, database, install)
	row := func(id int, body string) {
		t.Helper()
		pgtest.Exec(t, database, `insert into public.messages values ($1, '1', $2, 'hidden')`, id, body)
		if f := c.expect(`"event":"created"`); fmt.Sprint(f["data"].(map[string]any)["body"]) != body || strings.Contains(fmt.Sprint(f), "hidden") {
			t.Errorf("row %d came as %v", id, f)
		}
	}
	row(1, "by what was printed")
	pgtest.Exec(t, database, strings.ReplaceAll(remove, "-- ", ""))
	pgtest.Exec(t, database, `insert into public.messages values (2, '1', 'to nobody')`)
	if said := pg(t, exitFine, database, append(args, "--install")...); !strings.Contains(said, "notify: [{channel: table_changes, leader: true}]") {
		t.Errorf("says %s", said)
	}
	row(3, "by what was installed")
	if said := pg(t, exitFine, database, append(args, "--install", "--via", "outbox")...); !strings.Contains(said, "The nodes with this schema publish them.") {
		t.Errorf("says %s", said)
	}
	row(4, "by the outbox")
	pg(t, exitFine, database, append(args, "--remove")...)
	pg(t, exitFine, database, append(args, "--remove")...)
	pgtest.Exec(t, database, `insert into public.messages values (5, '1', 'to nobody')`)
	publish(t, p.url, "room:1", "created", `{"body":"last"}`)
	if f := c.expect(`"event":"created"`); fmt.Sprint(f["data"]) != "map[body:last]" {
		t.Errorf("a removed trigger announced %v", f)
	}
}

// TestPgOutbox makes dead letters, and sees to them.
func TestPgOutbox(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	if said := pg(t, exitFault, database, "outbox", "dead"); !strings.Contains(said, "run: node pg migrate") {
		t.Errorf("before: %s", said)
	}
	pg(t, exitFine, database, "migrate")
	if said := pg(t, exitFine, database, "outbox", "dead"); said != "There are no dead letters.\n" {
		t.Errorf("none: %s", said)
	}
	pgtest.Exec(t, database, `insert into troupe.outbox_dead (id, topic, event, data, key, at, tries, reason)
		select n, 'room:1', 'said', '{"n":' || n || '}', 'k' || n, clock_timestamp(), 10, E'too \x1b[31mbad\nindeed' from generate_series(1, 1500) n`)
	said := pg(t, exitFine, database, "outbox", "dead", "--limit", "2", "--after", "7")
	if !regexp.MustCompile(`(?m)^8 +room:1 +said +7 +20.* 10 +too \?\[31mbad indeed$`).MatchString(said) || !strings.Contains(said, "There may be more: --after 9") || strings.Contains(said, "\x1b") {
		t.Errorf("two: %q", said)
	}
	var letter struct {
		ID           int64
		Topic, Data  string
		Reason       string
		Tries        int
		Died, Unread string
	}
	if err := json.Unmarshal([]byte(pg(t, exitFine, database, "outbox", "dead", "--json", "--limit", "1")), &letter); err != nil ||
		letter.ID != 1 || letter.Data != `{"n":1}` || letter.Tries != 10 || letter.Died == "" {
		t.Errorf("%v: %+v", err, letter)
	}
	if said := pg(t, exitFine, database, "outbox", "discard", "1", "2", "9999"); said != "2 removed. 1 are no dead letters.\n" {
		t.Errorf("discard: %s", said)
	}
	if said := pg(t, exitFine, database, "outbox", "retry", "3"); said != "1 put back into the outbox.\n" {
		t.Errorf("retry: %s", said)
	}
	if said := pg(t, exitFine, database, "outbox", "retry", "--all"); said != "1497 put back into the outbox.\n" {
		t.Errorf("retry all: %s", said)
	}
	if said := pg(t, exitFine, database, "status"); !strings.Contains(said, "Outbox: 1498 pending, 0 dead") {
		t.Errorf("status: %s", said)
	}
}

// TestPgRefusals has what a person can get wrong, and what others may try.
func TestPgRefusals(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	pg(t, exitFine, database, "migrate")
	pgtest.Exec(t, database, `create table public.messages (id bigint primary key); create view public.seen as select * from public.messages`)
	long := strings.Repeat("a", 10_000)
	for name, c := range map[string]struct {
		args string
		code int
		want string
	}{
		"no command":       {"", exitUsage, "migrate"},
		"no table":         {"trigger", exitUsage, "--table"},
		"two statements":   {"trigger --table a;b", exitUsage, "--table: must be letters"},
		"quoted":           {`trigger --table a"b`, exitUsage, "--table: must be letters"},
		"quoted once more": {`trigger --table a'b --install`, exitUsage, "--table: must be letters"},
		"huge table":       {"trigger --table " + long, exitUsage, "--table: must have at most 63 bytes"},
		"huge topic":       {"trigger --table a --topic " + long, exitUsage, "--topic:"},
		"open topic":       {"trigger --table a --topic room:{id", exitUsage, "--topic: has a {"},
		"column of two":    {"trigger --table a --columns a,b;c", exitUsage, "--columns[1]: must be letters"},
		"key of two":       {"trigger --table a --key b;c", exitUsage, "--key[0]: must be letters"},
		"channel of two":   {"trigger --table a --channel b;c", exitUsage, "--channel: must be 1 to 63"},
		"channel of pg":    {"trigger --table a --channel pg_a", exitUsage, "--channel: must not begin with pg_"},
		"channel of ours":  {"trigger --table a --channel troupe_a", exitUsage, "--channel: must not begin with troupe_"},
		"odd name":         {"trigger --table a --name a.b", exitUsage, "--name: must be letters"},
		"another way":      {"trigger --table a --via mail", exitUsage, "--via: must be notify or outbox"},
		"schema of two":    {"trigger --table a --schema a;b", exitUsage, "--schema: schema: must be lower case"},
		"both":             {"trigger --table a --install --remove", exitUsage, "--install and --remove"},
		"no such table":    {"trigger --table a --install", exitUsage, "--table: there is no public.a"},
		"no such column":   {"trigger --table messages --columns b --install", exitUsage, "--columns: public.messages has no column b"},
		"a view":           {"trigger --table seen --install", exitUsage, "--table: public.seen is no table"},
		"no outbox":        {"trigger --table messages --via outbox --schema other --install", exitUsage, "node pg migrate"},
		"no letters":       {"outbox retry", exitUsage, "or --all"},
		"letters and all":  {"outbox discard 1 --all", exitUsage, "or --all"},
		"no number":        {"outbox discard x", exitUsage, "x"},
		"far too many":     {"outbox dead --limit 1000000", exitUsage, "--limit: must be 1 to 1000"},
		"negative limit":   {"outbox dead --limit=-1", exitUsage, "--limit: must be 1 to 1000"},
		"bad prefix":       {"status --prefix " + long, exitUsage, "--prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said := pg(t, c.code, database, strings.Fields(c.args)...); !strings.Contains(said, c.want) || len(said) > 4000 {
				t.Errorf("%d bytes, want %q in\n%.4000s", len(said), c.want, said)
			}
		})
	}
	for _, command := range []string{"migrate", "status", "outbox dead", "outbox retry 1", "trigger --table a --install"} {
		if said := pg(t, exitUsage, "", strings.Fields(command)...); !strings.Contains(said, "say which database, with --postgres, TROUPE_POSTGRES or postgres in a file") {
			t.Errorf("%s: %s", command, said)
		}
		if said := pg(t, exitFault, "postgres://ann@"+freeAddress(t)+"/app", strings.Fields(command)...); !strings.Contains(said, "is Postgres running at") {
			t.Errorf("%s: %s", command, said)
		}
	}
}

func TestDoctorPostgres(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	for name, c := range map[string]struct {
		env, args []string
		code      int
		says      string
	}{
		"fine":        {nil, []string{"--postgres", database}, exitFine, "Postgres at postgres://postgres:********@"},
		"by variable": {[]string{"TROUPE_POSTGRES=" + database}, nil, exitFine, "0 failed"},
		"by file": {nil, []string{"--config", file(t, "t.yaml", "postgres: "+database+"\nbridge: {notify: [{channel: a, leader: true}, {channel: b}]}")}, exitFine,
			"(8 in the pool, 6 beside it)"},
		"beyond":  {nil, []string{"--postgres", database, "--postgres-conns", "500"}, exitFault, "there is room for 0 nodes"},
		"as JSON": {nil, []string{"--postgres", database, "--json"}, exitFine, `"backend": "postgres"`},
		"nobody":  {nil, []string{"--postgres", "postgres://ann@" + freeAddress(t) + "/app"}, exitUsage, ""},
		"schema":  {nil, []string{"--postgres", database, "--schema", "pg_x"}, exitUsage, ""},
	} {
		code, stdout, stderr := run(t, c.env, append([]string{"doctor"}, c.args...)...)
		flat := strings.Join(strings.Fields(stdout), " ")
		if code != c.code || !strings.Contains(flat, c.says) || (code == exitUsage) != (stdout == "") || code != exitFine && stderr == "" {
			t.Errorf("%s: code %d\n%s%s", name, code, stdout, stderr)
		}
		if name == "as JSON" && !json.Valid([]byte(stdout)) {
			t.Errorf("%s:\n%s", name, stdout)
		}
	}
}
