package pgnotify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// A table is one with a trigger, and who listens to what it notifies.
type table struct {
	*cluster
	*node
}

func newTable(t *testing.T, ddl string, o TriggerOptions) *table {
	t.Helper()
	c := newCluster(t, pgtest.Shared(t).Database(t))
	n := c.node(all(DefaultChannel))
	c.exec(ddl)
	if _, err := Install(t.Context(), n.db, o); err != nil {
		t.Fatal(err)
	}
	return &table{c, n}
}

// shows is an event in short: its name, and its data without spaces.
func (e *ear) shows() string {
	var words []string
	for _, ev := range e.all() {
		words = append(words, ev.Name()+strings.ReplaceAll(string(ev.Data()), " ", ""))
	}
	return strings.Join(words, " ")
}

func (e *ear) wantsEvents(t *testing.T, want ...string) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, "events", func() error {
		if got := e.shows(); got != strings.Join(want, " ") {
			return fmt.Errorf("heard\n%s, want\n%s", got, strings.Join(want, " "))
		}
		return nil
	})
}

// A crud-style store that is fed with the events ends with what the table has.
func TestTriggerFeedsAStore(t *testing.T) {
	t.Parallel()
	x := newTable(t, "create table messages (id bigint primary key, room int, body text)", TriggerOptions{Table: "messages", Topic: "live:{room}"})
	ears := map[int]*ear{1: x.listen(t, "live:1"), 2: x.listen(t, "live:2")}
	x.exec("insert into messages select i, 1 + i % 2, 'text ' || i from generate_series(1, 50) i")
	x.exec("update messages set body = 'other' where id % 3 = 0")
	x.exec("update messages set room = 2 where id % 5 = 0")
	x.exec("update messages set id = id + 1000 where id % 7 = 0")
	x.exec("delete from messages where id % 11 = 0")
	// Twice the same in one transaction: NOTIFY would drop the second.
	x.exec("begin; update messages set body = 'b' where id = 1; update messages set body = 'a' where id = 1; update messages set body = 'b' where id = 1; commit")
	x.exec("insert into messages values (-1, 1, 'the last'), (-2, 2, 'the last')")
	for room, e := range ears {
		pgtest.Eventually(t, 20*time.Second, "the last", func() error {
			if !strings.Contains(e.shows(), "thelast") {
				return errors.New("is not there")
			}
			return nil
		})
		store := map[string]map[string]any{}
		for _, ev := range e.all() {
			var row map[string]any
			if err := json.Unmarshal(ev.Data(), &row); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(row["id"])
			switch _, there := store[key]; {
			case ev.Name() == "created" && !there, ev.Name() == "updated" && there:
				store[key] = row
			case ev.Name() == "deleted" && there:
				delete(store, key)
			default:
				t.Fatalf("room %d: %s %s, there %t", room, ev.Name(), ev.Data(), there)
			}
		}
		rows, err := x.say.Query(t.Context(), "select id::float8::text, body from messages where room = $1", room)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; rows.Next(); n++ {
			var id, body string
			if err := rows.Scan(&id, &body); err != nil {
				t.Fatal(err)
			}
			if got := store[id]; got == nil || got["body"] != body {
				t.Errorf("room %d: row %s is %q, the store has %v", room, id, body, got)
			}
		}
		if rows.Err() != nil || n != len(store) {
			t.Errorf("room %d: %d rows, the store has %d, %v", room, n, len(store), rows.Err())
		}
	}
}

func TestTriggerColumns(t *testing.T) {
	t.Parallel()
	x := newTable(t, `create table public."T1" (k1 int, "Kä" text, title text, secret text, n numeric, primary key ("Kä", k1))`,
		TriggerOptions{Table: `T1`, Columns: []string{"title", "n"}, Topic: "live:it's {Kä}!"})
	e := x.listen(t, "live:it's a!")
	x.exec(`insert into "T1" values (1, 'a', 't', 's', 1.50)`)
	x.exec(`update "T1" set secret = 'x'`)
	x.exec(`update "T1" set title = title`)
	x.exec(`update "T1" set title = null, n = 'NaN'`)
	x.exec(`update "T1" set k1 = 2`)
	x.exec(`delete from "T1"`)
	e.wantsEvents(t, `created{"n":1.50,"k1":1,"Kä":"a","title":"t"}`,
		`updated{"n":"NaN","k1":1,"Kä":"a","$old":{"n":1.50,"title":"t"},"title":null,"$columns":["n","title"]}`,
		`deleted{"n":"NaN","k1":1,"Kä":"a","title":null}`, `created{"n":"NaN","k1":2,"Kä":"a","title":null}`,
		`deleted{"n":"NaN","k1":2,"Kä":"a","title":null}`)
}

// No row is too large, too odd or without a topic for its transaction: what can not be sent is shortened, or left out.
func TestTriggerNeverFails(t *testing.T) {
	t.Parallel()
	x := newTable(t, `create table messages (id text primary key, room text, body text, doc json)`,
		TriggerOptions{Table: "public.messages", Topic: "live:{room}"})
	e := x.listen(t, "live:a")
	big := strings.Repeat("x", 9000)
	x.exec("insert into messages values ('1', 'a', $1)", big)
	x.exec("update messages set body = body || 'y'")
	x.exec("insert into messages values ($1, 'a')", big)
	for _, room := range []string{`"`, `\`, "\n", "\u00ad", strings.Repeat("x", 260), big} {
		x.exec("insert into messages values (gen_random_uuid()::text, $1)", room)
	}
	x.exec("insert into messages values ('2', null, 'x'), ('3', 'b', 'x')")
	x.exec(`insert into messages values ('4', 'a', '', '"\u0000"')`) // jsonb has no such character
	x.exec("update messages set room = 'a' where id = '2'")
	x.exec("update messages set room = null where id = '2'")
	var exact int // the longest body that fits
	for size := 7999; exact == 0; size-- {
		text := fmt.Sprintf(`{"id": "%s", "data": {"id": "5", "doc": null, "body": "%s", "room": "a"}, "event": "created", "topic": "live:a"}`,
			strings.Repeat("u", 36), strings.Repeat("x", size))
		if len(text) <= 7999 {
			exact = size
		}
	}
	x.exec("insert into messages values ('5', 'a', $1)", strings.Repeat("x", exact))
	x.exec("insert into messages values ('6', 'a', $1)", strings.Repeat("x", exact+1))
	e.wantsEvents(t, `created{"id":"1","room":"a","$truncated":true}`,
		`updated{"id":"1","room":"a","$columns":["body"],"$truncated":true}`, `created{"$truncated":true}`,
		`created{"id":"2","doc":null,"body":"x","room":"a"}`, `deleted{"id":"2","doc":null,"body":"x","room":"a"}`,
		`created{"id":"5","doc":null,"body":"`+strings.Repeat("x", exact)+`","room":"a"}`, `created{"id":"6","room":"a","$truncated":true}`)
	x.exec("alter table messages rename room to place")
	x.exec("delete from messages")
}

// Whoever may write the table needs no right for Troupe, whatever the search path is; and a partition is a table.
func TestTriggerRights(t *testing.T) {
	t.Parallel()
	x := newTable(t, `create schema app; create table app.messages (id int primary key, body text) partition by range (id);
		create table app.m1 partition of app.messages for values from (0) to (10);
		create table app.m2 partition of app.messages for values from (10) to (20)`,
		TriggerOptions{Table: "app.messages", Topic: "live:x", Name: "announce"})
	e := x.listen(t, "live:x")
	role := fmt.Sprintf("r%d", time.Now().UnixNano())
	x.exec("create role " + role + "; grant usage on schema app to " + role + "; grant insert, update, select, delete on app.messages to " + role)
	defer x.exec("reset role; drop owned by " + role + "; drop role " + role)
	x.exec("set role " + role + "; set search_path = ''")
	x.exec("insert into app.messages values (1, 'a')")
	x.exec("update app.messages set id = 11")
	x.exec("reset role; set search_path = public")
	e.wantsEvents(t, `created{"id":1,"body":"a"}`, `deleted{"id":1,"body":"a"}`, `created{"id":11,"body":"a"}`)
}

// With the outbox size is no limit, and nothing is notified.
func TestTriggerViaOutbox(t *testing.T) {
	t.Parallel()
	x := newTable(t, `create table messages (id int primary key, room text, body text)`,
		TriggerOptions{Table: "messages", Topic: "{room}", Via: ViaOutbox})
	role := fmt.Sprintf("o%d", time.Now().UnixNano())
	x.exec("create role " + role + "; grant usage on schema troupe to " + role + "; grant insert, update on messages to " + role +
		"; grant execute on function troupe.troupe_publish(text, text, jsonb, text) to " + role)
	defer x.exec("reset role; drop owned by " + role + "; drop role " + role)
	x.exec("set role " + role)
	x.exec("insert into messages values (1, 'live:a', $1), (2, '__x', 'b'), (3, $2, 'b')", strings.Repeat("x", 100_000), "live:\u200b")
	x.exec("reset role")
	var rows, size int
	var name, event string
	err := x.say.QueryRow(t.Context(), "select count(*), max(length(data)), max(topic), max(event) from troupe.outbox").Scan(&rows, &size, &name, &event)
	if err != nil || rows != 1 || size < 100_000 || name != "live:a" || event != "created" {
		t.Errorf("%d rows, %d bytes, topic %s, event %s, %v", rows, size, name, event, err)
	}
	if s := x.State()[0]; s.Received != 0 {
		t.Errorf("state %+v", s)
	}
}

// Installing again brings up to date, removing takes away, and both may be done twice.
func TestTriggerInstallRemove(t *testing.T) {
	t.Parallel()
	o := TriggerOptions{Table: "messages", Topic: "live:1"}
	x := newTable(t, `create table messages (pk int primary key); create view v as select 1 as pk; create schema s`, o)
	e := x.listen(t, "live:2")
	o.Topic = "live:2"
	sql, err := Install(t.Context(), x.db, o)
	if err != nil || !strings.Contains(sql, "'pk'") {
		t.Fatalf("%v; the key is not found: %s", err, sql)
	}
	x.exec("insert into messages values (1)")
	e.wantsEvents(t, `created{"pk":1}`)
	for range 2 {
		if _, err := Remove(t.Context(), x.db, o); err != nil {
			t.Fatal(err)
		}
	}
	x.exec("insert into messages values (2)")
	var left int
	if err := x.say.QueryRow(t.Context(), `select (select count(*) from pg_trigger where tgname like 'troupe_%' and tgrelid = 'messages'::regclass)
		+ (select count(*) from pg_proc where proname = 'troupe_messages')`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d are left, %v", left, err)
	}
	x.exec("drop table messages cascade")
	if _, err := Remove(t.Context(), x.db, o); err != nil {
		t.Errorf("without the table: %v", err)
	}
	for _, bad := range []TriggerOptions{{Table: "messages"}, {Table: "v"}, {Table: "s.v"}, {Table: "nowhere.messages"}} {
		if _, err := Install(t.Context(), x.db, bad); !isConfig(err, "table") {
			t.Errorf("%s: %v", bad.Table, err)
		}
	}
	x.exec("create table messages (pk int primary key)")
	if _, err := Install(t.Context(), x.db, TriggerOptions{Table: "messages", Topic: "a:{b}", Columns: []string{"c"}}); !isConfig(err, "columns") ||
		!strings.Contains(err.Error(), "no column b") || !strings.Contains(err.Error(), "no column c") {
		t.Errorf("columns: %v", err)
	}
	// The printed statements do the same.
	install, remove, err := TriggerSQL(TriggerOptions{Table: "messages", Topic: "live:2", Key: []string{"pk"}})
	if err != nil {
		t.Fatal(err)
	}
	x.exec(install)
	x.exec(install)
	x.exec("insert into messages values (3)")
	x.exec(remove)
	x.exec("insert into messages values (4)")
	e.wantsEvents(t, `created{"pk":1}`, `created{"pk":3}`)
}

func isConfig(err error, field string) bool {
	e, ok := errors.AsType[*ConfigError](err)
	return ok && e.Field == field
}

func TestTriggerOptions(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	for name, c := range map[string]struct {
		o     TriggerOptions
		field string
	}{
		"no table":          {TriggerOptions{}, "table"},
		"table injected":    {TriggerOptions{Table: `a"; drop table b; --`}, "table"},
		"table dots":        {TriggerOptions{Table: "a.b.c"}, "table"},
		"table long":        {TriggerOptions{Table: long}, "table"},
		"schema injected":   {TriggerOptions{Table: `a".b`}, "table"},
		"column injected":   {TriggerOptions{Table: "a", Columns: []string{"b", `c') --`}}, "columns[1]"},
		"column empty":      {TriggerOptions{Table: "a", Columns: []string{""}}, "columns[0]"},
		"key":               {TriggerOptions{Table: "a", Key: []string{"1"}}, "key[0]"},
		"name":              {TriggerOptions{Table: "a", Name: "b c"}, "name"},
		"channel injected":  {TriggerOptions{Table: "a", Channel: "b'"}, "channel"},
		"channel of nodes":  {TriggerOptions{Table: "a", Channel: "troupe_frames"}, "channel"},
		"topic open":        {TriggerOptions{Table: "a", Topic: "b:{c"}, "topic"},
		"topic close":       {TriggerOptions{Table: "a", Topic: "b:c}"}, "topic"},
		"topic empty brace": {TriggerOptions{Table: "a", Topic: "b:{}"}, "topic"},
		"topic injected":    {TriggerOptions{Table: "a", Topic: `b:{c'}`}, "topic"},
		"topic quote":       {TriggerOptions{Table: "a", Topic: `b"`}, "topic"},
		"topic backslash":   {TriggerOptions{Table: "a", Topic: `b\`}, "topic"},
		"topic system":      {TriggerOptions{Table: "a", Topic: `__b`}, "topic"},
		"topic long":        {TriggerOptions{Table: "a", Topic: strings.Repeat("x", 257)}, "topic"},
		"via":               {TriggerOptions{Table: "a", Via: "mail"}, "via"},
		"schema":            {TriggerOptions{Table: "a", Schema: "pg_x"}, "schema"},
	} {
		if _, _, err := TriggerSQL(c.o); !isConfig(err, c.field) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := TriggerSQL(TriggerOptions{Table: "1", Columns: []string{"2"}, Topic: "{", Via: "x"})
	if err == nil || strings.Count(err.Error(), "\n") != 3 { // table, column, topic, via
		t.Errorf("not all faults: %v", err)
	}
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprint("c", i)
	}
	if _, _, err := TriggerSQL(TriggerOptions{Table: "a", Columns: many, Topic: "$troupe$ it's {c1}"}); err != nil {
		t.Error(err)
	}
}

// What is printed is valid SQL, whatever it is made of: 200 columns, and a topic that looks like what encloses it.
func TestTriggerSQLIsValid(t *testing.T) {
	t.Parallel()
	var columns, defs []string
	for i := range 200 {
		columns, defs = append(columns, fmt.Sprint("c", i)), append(defs, fmt.Sprintf("c%d int default %d", i, i))
	}
	x := newTable(t, "create table t (id int primary key, "+strings.Join(defs, ", ")+")",
		TriggerOptions{Table: "t", Columns: columns, Topic: "live:$troupe$ it's {c1}"})
	e := x.listen(t, "live:$troupe$ it's 1")
	x.exec("insert into t values (1)")
	pgtest.Eventually(t, 20*time.Second, "the event", func() error {
		if got := e.shows(); !strings.HasPrefix(got, "created{") || !strings.Contains(got, `"c199":199`) {
			return errors.New(got)
		}
		return nil
	})
}
