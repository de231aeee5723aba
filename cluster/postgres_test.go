package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/pgstore"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// PGR-01: nodes that start at once on an empty database share one schema.
func TestPGR01FirstStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	const count = 5
	started := make(chan *Node, count)
	for i := range count {
		go func() {
			n, err := Start(t.Context(), Config{ID: fmt.Sprint("n", i), Postgres: url})
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
			started <- n
		}()
	}
	for i := range count {
		n := <-started
		if n == nil {
			continue
		}
		t.Cleanup(func() { _ = n.Close() })
		say(t, n, "chat", fmt.Sprint(i))
	}
}

// A node that wrote an event and died before it told anybody: the others find the event when they see it dead.
func TestEventOfDeadNodeIsFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	server := sharedPostgres{s, s.Database(t)}
	a := nodesOn(t, server, 1)[0]
	b, kill := killable(t, server, "b")
	e := listen(t, a, "chat")
	say(t, b, "chat", "1")
	e.wants(t, "1")
	store := pgstore.New(pgstore.Config{DB: pgtest.Open(t, server.url, pgdb.Config{})})
	defer store.Close(t.Context())
	if _, err := store.Append(t.Context(), "chat", []topic.Entry{{Name: "e", Data: []byte("2")}}, topic.Retention{Size: 1000}); err != nil {
		t.Fatal(err)
	}
	kill()
	e.wants(t, "1 2")
	e.check(t)
}

// A crash of Postgres empties what needs no disk: who is there is written back, and nobody is shown to leave for good.
// What was acknowledged is there, and topics go on in their epoch.
func TestRoomsSurviveCrashOfPostgres(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	server := sharedPostgres{s, s.Database(t)}
	a, b := pairOn(t, server)
	r := watch(t, a, "room")
	enter(t, b, "room", "ann")
	enter(t, a, "room", "bob")
	r.has(t, 2)
	e := listen(t, b, "chat")
	say(t, a, "chat", "1")
	s.Kill()
	s.Run(t)
	eventually(t, func() string {
		_, err := a.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: []byte("2"), ID: "2"})
		return complaint(err)
	})
	e.wants(t, "1 2")
	e.check(t)
	r.has(t, 2)
	for _, n := range []*Node{a, b} {
		eventually(t, func() string {
			list, err := n.Presence().List(t.Context(), "room")
			return map[bool]string{true: fmt.Sprint(list, err)}[err != nil || len(list) != 2]
		})
		sees(t, n, 2)
	}
}

// Beside Redis, a topic is kept where its policy says, and an outage of one backend does not touch the topics of the other.
func TestRedisAndPostgres(t *testing.T) {
	t.Parallel()
	redis, pg := redistest.Start(t), pgtest.Start(t)
	cfg := Config{Redis: redis.URL(), Postgres: pg.Database(t), Topics: []topic.Policy{{Match: "order:*", Store: StorePostgres}, {Match: "*"}}}
	var both [2]*Node
	for i := range both {
		cfg.ID = string(rune('a' + i))
		both[i] = startOn(t, cfg)
	}
	a, b := both[0], both[1]
	orders, chat := listen(t, b, "order:1"), listen(t, b, "chat")
	say(t, a, "order:1", "1")
	say(t, a, "chat", "1")
	orders.wants(t, "1")
	chat.wants(t, "1")
	var told outages
	defer a.OnHealth(told.changed)()
	pg.Stop(t)
	told.wants(t, 1, 0)
	if _, err := a.Topics().Publish(t.Context(), "order:1", topic.Message{Event: "e"}); !errors.Is(err, topic.ErrUnavailable) {
		t.Errorf("publish without Postgres: %v", err)
	}
	say(t, a, "chat", "2")
	chat.wants(t, "1 2")
	pg.Run(t)
	told.wants(t, 1, 1)
	eventually(t, func() string {
		_, err := a.Topics().Publish(t.Context(), "order:1", topic.Message{Event: "e", Data: []byte("2"), ID: "2"})
		return complaint(err)
	})
	orders.wants(t, "1 2")
	orders.check(t)
}

// Two clusters in one database do not hear each other.
func TestSchemasAreApart(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var ears []*ear
	var all []*Node
	for _, schema := range []string{"", "other"} {
		n := startOn(t, Config{Postgres: url, Schema: schema})
		all, ears = append(all, n), append(ears, listen(t, n, "chat"))
	}
	for i, n := range all {
		say(t, n, "chat", fmt.Sprint(i))
		ears[i].wants(t, fmt.Sprint(i))
		if got := len(n.Members()); got != 1 {
			t.Errorf("node %d sees %d members", i, got)
		}
	}
}

func TestStartWithoutPostgres(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := Start(ctx, Config{Postgres: "postgres://user:hunter2@127.0.0.1:1/db"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	const fine = "postgres://user:hunter2@127.0.0.1:1/db"
	for field, c := range map[string]Config{
		"postgres":                {Postgres: "mysql://user:hunter2@x/db"},
		"schema":                  {Postgres: fine, Schema: "a;b"},
		"postgresConns":           {Postgres: fine, PostgresConns: -1},
		"topics[0].history.store": {Topics: []topic.Policy{{Store: StorePostgres}}},
		"topics[1].history.store": {Postgres: fine, Topics: []topic.Policy{{}, {Store: StoreMemory}}},
		"topics[2].history.store": {Postgres: fine, Topics: []topic.Policy{{}, {}, {Store: "disk"}}},
		"address":                 {Postgres: fine, Address: strings.Repeat("x", 10_000)},
	} {
		var fault *ConfigError
		if _, err := Start(ctx, c); !errors.As(err, &fault) || fault.Field != field || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", field, err)
		}
	}
	var fault *ConfigError
	if _, err := Start(ctx, Config{Postgres: fine, Prefix: "a-b:"}); !errors.As(err, &fault) || fault.Field != "schema" {
		t.Errorf("a prefix that is no name: %v", err)
	}
}
