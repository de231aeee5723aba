package pgnotify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestCases are those of cases.md, on real Postgres.
func TestCases(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, c *cluster){
		"NTF-01 every node publishes for its own":            testNTF01,
		"NTF-02 what is malformed is dropped and counted":    testNTF02,
		"NTF-03 a parser maps, skips, fails and panics":      testNTF03,
		"NTF-05 triggers notify at commit":                   testNTF05,
		"NTF-06 a killed connection is replaced":             testNTF06,
		"NTF-09 closing stops, once":                         testNTF09,
		"NTF-10 one of three nodes leads":                    testNTF10,
		"NTF-11 system topics and oversize data are dropped": testNTF11,
		"NTF-12 a pool of one connection will do":            testNTF12,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newCluster(t, pgtest.Shared(t).Database(t)))
		})
	}
}

func all(names ...string) Config {
	var cfg Config
	for _, n := range names {
		cfg.Channels = append(cfg.Channels, Channel{Name: n})
	}
	return cfg
}

func testNTF01(t *testing.T, c *cluster) {
	a, b := c.node(all("changes", "others")), c.node(all("changes"))
	ea, eb := a.listen(t, "live:x"), b.listen(t, "live:x")
	for i := range 3 {
		c.notify("changes", "live:x", i)
	}
	ea.wants(t, "0 1 2")
	eb.wants(t, "0 1 2") // once each: what one node publishes is not relayed to the other
	c.notify("others", "live:x", 3)
	ea.wants(t, "0 1 2 3")
	if ev := eb.all()[2]; ev.Name() != "e" || ev.Topic() != "live:x" || ev.Seq() != 0 {
		t.Errorf("event %s", ev.JSON())
	}
	c.notify("changes", "live:x", 4)
	eb.wants(t, "0 1 2 4")
}

func testNTF02(t *testing.T, c *cluster) {
	n := c.node(all("changes"))
	e := n.listen(t, "live:x")
	bad := []string{``, `{`, `null`, `[]`, `"x"`, `{"topic":"live:x"}`, `{"event":"e","data":1}`, `{"topic":"","event":"e"}`,
		`{"topic":"live:x","event":""}`, `{"topic":1,"event":"e"}`, `{"topic":"live:x","event":"e","data":}`,
		`{"topic":"live:x","event":"e","data":1} x`, `{"topic":"live:x","topic":"live:y","event":"e"}`, `{"topic":"a\"b","event":"e"}`,
		`{"TOPIC":"live:x","EVENT":"e"}`, `{"topic":"live:x","event":"e","id":7}`}
	for i, payload := range bad {
		c.exec("select pg_notify('changes', $1)", payload)
		c.notify("changes", "live:x", i)
	}
	c.exec(`select pg_notify('changes', '{"extra":[1,{"a":null}],"event":"e","topic":"live:x"}')`)
	var want []string
	for i := range bad {
		want = append(want, fmt.Sprint(i))
	}
	e.wants(t, strings.Join(append(want, "null"), " "))
	s := n.State()[0]
	if s.Dropped[reasonMalformed] != uint64(len(bad)) || s.Published != uint64(len(bad))+1 || s.Received != 2*uint64(len(bad))+1 {
		t.Errorf("state %+v", s)
	}
	if s.LastError == "" || s.ErrorAt.IsZero() {
		t.Error("the last error is not shown")
	}
}

func testNTF03(t *testing.T, c *cluster) {
	cfg := all("changes")
	cfg.Channels[0].Parse = func(channel, payload string) (*Message, error) {
		switch payload {
		case "skip":
			return nil, nil
		case "fail":
			return nil, errors.New("no")
		case "panic":
			panic("ouch")
		case "empty":
			return &Message{}, nil
		case "bad":
			return &Message{Topic: "live:x", Event: "e", Data: json.RawMessage("{")}, nil
		}
		return &Message{Topic: "live:" + channel, Event: "row", Data: json.RawMessage(payload)}, nil
	}
	n := c.node(cfg)
	e := n.listen(t, "live:changes")
	for i, payload := range []string{"skip", "fail", "panic", "empty", "bad"} {
		c.exec("select pg_notify('changes', $1)", payload)
		c.exec("select pg_notify('changes', $1)", fmt.Sprint(i))
	}
	e.wants(t, "0 1 2 3 4")
	s := n.State()[0]
	if s.Skipped != 1 || s.Dropped[reasonParser] != 2 || s.Dropped[reasonMalformed] != 1 || s.Dropped[reasonRefused] != 1 || s.Published != 5 {
		t.Errorf("state %+v", s)
	}
}

func testNTF05(t *testing.T, c *cluster) {
	n := c.node(all(DefaultChannel))
	c.exec("create table messages (id bigint primary key, room text, body text)")
	if _, err := Install(t.Context(), n.db, TriggerOptions{Table: "messages", Topic: "live:{room}"}); err != nil {
		t.Fatal(err)
	}
	e := n.listen(t, "live:a")
	c.exec("begin")
	c.exec("insert into messages values (1, 'a', 'one')")
	c.exec("savepoint s")
	c.exec("insert into messages values (2, 'a', 'two')")
	c.exec("rollback to s")
	c.exec("update messages set body = 'uno' where id = 1")
	if got := e.heard(); got != "" {
		t.Errorf("heard %s before the commit", got)
	}
	c.exec("commit")
	c.exec("begin")
	c.exec("insert into messages values (3, 'a', 'three')")
	c.exec("rollback")
	c.exec("delete from messages where id = 1")
	e.wants(t, `{"id": 1, "body": "one", "room": "a"} `+
		`{"id": 1, "$old": {"body": "one"}, "body": "uno", "room": "a", "$columns": ["body"]} `+
		`{"id": 1, "body": "uno", "room": "a"}`)
	var names []string
	for _, ev := range e.all() {
		names = append(names, ev.Name())
	}
	if got := strings.Join(names, " "); got != "created updated deleted" {
		t.Errorf("events %s", got)
	}
}

func testNTF06(t *testing.T, c *cluster) {
	n := c.node(all("changes"))
	e := n.listen(t, "live:x")
	c.notify("changes", "live:x", 1)
	e.wants(t, "1")
	for i := range 3 {
		before := time.Now()
		c.kill("notify")
		n.eventually(t, "another connection", func(s ChannelState) bool { return s.Listening && s.Reconnects == uint64(i+1) })
		if took := time.Since(before); took > 3*time.Second {
			t.Errorf("another connection took %s", took)
		}
	}
	c.notify("changes", "live:x", 2)
	e.wants(t, "1 stale stale stale 2")
}

func testNTF09(t *testing.T, c *cluster) {
	n := c.node(all("changes"))
	e := n.listen(t, "live:x")
	c.notify("changes", "live:x", 1)
	e.wants(t, "1")
	closeIn(t, n.Bridge, time.Minute)
	closeIn(t, n.Bridge, time.Minute)
	var left int
	if err := c.say.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database()
		and application_name like 'troupe - notify%'`).Scan(&left); err != nil || left > 0 {
		t.Errorf("%d connections are left, %v", left, err)
	}
	if err := n.Ready(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("ready: %v", err)
	}
	c.notify("changes", "live:x", 2)
	again, err := Start(t.Context(), Config{DB: n.db, Topics: n.topics, Channels: all("changes").Channels})
	if err != nil {
		t.Fatal(err)
	}
	defer closeIn(t, again, time.Minute)
	(&node{Bridge: again}).ready(t)
	c.notify("changes", "live:x", 3)
	e.wants(t, "1 3")
}

func testNTF10(t *testing.T, c *cluster) {
	cfg := Config{Channels: []Channel{{Name: "changes", Leader: true}}}
	nodes := []*node{c.node(cfg), c.node(cfg), c.node(cfg)}
	var live, kept []*ear
	for _, n := range nodes {
		live, kept = append(live, n.listen(t, "live:x")), append(kept, n.listen(t, "kept"))
	}
	for i := range 20 {
		c.notify("changes", "live:x", i)
		c.notify("changes", "kept", i)
	}
	want := "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"
	for i := range nodes {
		live[i].wants(t, want)
		kept[i].wants(t, want)
	}
	leaders, received := 0, uint64(0)
	for _, n := range nodes {
		s := n.State()[0]
		received += s.Received
		if s.Listening {
			leaders++
		} else if !s.Standby {
			t.Errorf("neither leads nor stands by: %+v", s)
		}
	}
	if leaders != 1 || received != 40 {
		t.Errorf("%d leaders received %d", leaders, received)
	}
}

func testNTF11(t *testing.T, c *cluster) {
	cfg := Config{Channels: []Channel{{Name: "changes", MaxBytes: 100}, {Name: "system", AllowSystem: true}}}
	n := c.node(cfg)
	for i, payload := range []string{
		`{"topic":"__presence:x","event":"join"}`,
		`{"topic":"live:x","event":"e","data":"` + strings.Repeat("x", 100) + `"}`,
	} {
		c.exec("select pg_notify('changes', $1)", payload)
		n.eventually(t, "both dropped", func(s ChannelState) bool { return s.Received == uint64(i+1) })
	}
	e, sys := n.listen(t, "live:x"), n.listen(t, "__x")
	c.notify("changes", "live:x", 1)
	e.wants(t, "1")
	if s := n.State()[0]; s.Dropped[reasonSystem] != 1 || s.Dropped[reasonLarge] != 1 || s.Published != 1 {
		t.Errorf("state %+v", s)
	}
	// A system topic has the policy of its pattern: here it keeps history, so each message needs an id.
	c.exec(`select pg_notify('system', '{"topic":"__x","event":"e","data":2,"id":"i"}')`)
	sys.wants(t, "2")
}

func testNTF12(t *testing.T, c *cluster) {
	db := pgtest.Open(t, c.url, pgdb.Config{MaxConns: 1})
	n := c.node(Config{DB: db, Channels: []Channel{{Name: "changes", Leader: true}, {Name: "others"}}})
	e := n.listen(t, "live:x")
	hold, held, release := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		hold <- db.Long(t.Context(), time.Minute, func(context.Context, pgdb.Querier) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held // the pool is used up
	c.notify("changes", "live:x", 1)
	e.wants(t, "1")
	c.kill("notify changes")
	n.eventually(t, "another connection", func(s ChannelState) bool { return s.Listening && s.Reconnects == 1 })
	c.notify("changes", "live:x", 2)
	e.wants(t, "1 stale 2")
	close(release)
	if err := <-hold; err != nil {
		t.Error(err)
	}
	c.notify("others", "live:x", 3)
	e.wants(t, "1 stale 2 3")
}
