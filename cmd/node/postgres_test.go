package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// TestReadyzFollowsPostgres lets Postgres hang: the node is not ready, though alive, and
// is again when Postgres answers.
func TestReadyzFollowsPostgres(t *testing.T) {
	t.Parallel()
	postgres := pgtest.Start(t)
	p := serve(t, nil, "--postgres", postgres.URL())
	p.ready(t, http.StatusOK, "ready")
	postgres.Pause()
	p.ready(t, http.StatusServiceUnavailable, "postgres is down")
	if status, body := get(t, p.url+"/healthz", nil); status != http.StatusOK || body != "alive\n" {
		t.Errorf("healthz: %d %s", status, body)
	}
	postgres.Resume()
	p.ready(t, http.StatusOK, "ready")
	postgres.Kill()
	p.ready(t, http.StatusServiceUnavailable, "postgres is down")
	postgres.Run(t)
	p.ready(t, http.StatusOK, "ready")
	publish(t, p.url, "room:1", "msg", "1")
}

// TestReadyzFollowsBoth has the history of some topics in Postgres beside Redis.
func TestReadyzFollowsBoth(t *testing.T) {
	t.Parallel()
	postgres, redis := pgtest.Start(t), redistest.Start(t)
	p := serve(t, []string{"TROUPE_POSTGRES=" + postgres.URL()}, "--redis", redis.URL())
	p.ready(t, http.StatusOK, "ready")
	postgres.Pause()
	p.ready(t, http.StatusServiceUnavailable, "postgres is down")
	postgres.Resume()
	p.ready(t, http.StatusOK, "ready")
	redis.Pause()
	p.ready(t, http.StatusServiceUnavailable, "redis is down")
	redis.Resume()
	p.ready(t, http.StatusOK, "ready")
}

func (p *program) ready(t *testing.T, status int, says string) {
	t.Helper()
	eventually(t, func() error {
		if got, body := get(t, p.url+"/readyz", nil); got != status || !strings.Contains(body, says) {
			return fmt.Errorf("readyz: %d %s", got, body)
		}
		return nil
	})
}

// TestResumeAfterRestart stops a node on Postgres alone and starts it again: its clients
// go on from where they were, in the same epoch, and are given what came meanwhile elsewhere.
func TestResumeAfterRestart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, backend string) {
		a, b := startPeer(t, backend), startPeer(t, backend)
		a.sees(t, a, b)
		publish(t, a.url, "room:1", "said", `"first"`)
		conn := connect(t, a)
		at, err := conn.Subscribe(t.Context(), "room:1", &topic.Position{})
		if err != nil {
			t.Fatal(err)
		}
		if e := next(t, conn); e.Data != `"first"` {
			t.Fatalf("got %+v", e)
		}
		from := topic.Position{Epoch: at.Epoch, Seq: 1}
		a.signal(t, syscall.SIGTERM)
		if err := a.cmd.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
		publish(t, b.url, "room:1", "said", `"meanwhile"`)
		again := startPeer(t, backend)
		conn = connect(t, again)
		back, err := conn.Subscribe(t.Context(), "room:1", &from)
		if err != nil || back.Epoch != at.Epoch {
			t.Fatalf("epoch %s became %s: %v", at.Epoch, back.Epoch, err)
		}
		if e := next(t, conn); e.Data != `"meanwhile"` || e.Seq != 2 {
			t.Errorf("got %+v", e)
		}
	})
}

// TestPresenceAcross has users on two nodes see each other, and one leave with its node.
func TestPresenceAcross(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, backend string) {
		a, b := startPeer(t, backend), startPeer(t, backend)
		a.sees(t, a, b)
		ann, bob := dial(t, a.url+"/ws?id=ann&name=Ann#", nil), dial(t, b.url+"/ws?id=bob&name=Bob#", nil)
		ann.send(`{"type":"subscribe","topic":"demo:1","ref":1}`)
		ann.expect(`"presence_state"`)
		bob.send(`{"type":"subscribe","topic":"demo:1","ref":1}`)
		ann.expect(`"joins":{"bob":{"name":"Bob"}}`)
		bob.send(`{"type":"cursor","topic":"demo:1","data":{"x":7}}`)
		ann.expect(`"x":7`)
		bob.send(`{"type":"join","group":"lobby:1","ref":2}`)
		bob.expect(`"joined"`)
		b.signal(t, syscall.SIGKILL)
		ann.expect(`"leaves":{"bob"`)
	})
}

// TestStores has topics kept in Postgres beside others in Redis.
func TestStores(t *testing.T) {
	t.Parallel()
	redis, database := redistest.Start(t), pgtest.Shared(t).Database(t)
	config := file(t, "t.yaml", "topics:\n- {match: 'kept:*', history: {store: postgres}}\n- {match: '*'}\n")
	env := []string{"TROUPE_REDIS=" + redis.URL(), "TROUPE_POSTGRES=" + database}
	a, b := serve(t, env, "--config", config), serve(t, env, "--config", config)
	for _, name := range []string{"kept:1", "other:1"} {
		c := dial(t, b.url, nil)
		c.send(fmt.Sprintf(`{"type":"subscribe","topic":%q,"ref":1}`, name))
		c.expect(`"subscribed"`)
		publish(t, a.url, name, "said", `"`+name+`"`)
		c.expect(`"data":"` + name + `"`)
	}
	if err := redis.Client(t).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	c := serve(t, env, "--config", config)
	kept := dial(t, c.url, nil)
	kept.send(`{"type":"subscribe","topic":"kept:1","since":0,"ref":1}`)
	kept.expect(`"data":"kept:1"`)
	if _, page := get(t, c.url+"/debug/topics", nil); !strings.Contains(page, `"match":"kept:*","history":"1000","store":"postgres"`) || !strings.Contains(page, `"match":"*","history":"1000","store":"redis"`) {
		t.Errorf("topics: %s", page)
	}
}

// TestBridgeOfANode lets the database speak: what it notifies, and what a transaction left
// in the outbox, reaches clients of every node.
func TestBridgeOfANode(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	config := file(t, "t.yaml", "postgres: "+database+"\nbridge:\n  notify: [{channel: changes, leader: true}]\n")
	a, b := serve(t, nil, "--config", config), serve(t, nil, "--config", config)
	onA, onB := dial(t, a.url, nil), dial(t, b.url, nil)
	for _, c := range []*client{onA, onB} {
		c.send(`{"type":"subscribe","topic":"messages","ref":1}`)
		c.expect(`"subscribed"`)
	}
	eventually(t, func() error {
		_, one := get(t, a.url+"/debug/health", nil)
		_, two := get(t, b.url+"/debug/health", nil)
		if strings.Count(one+two, `"name":"changes","leader":true,"listening":true`) != 1 || strings.Count(one+two, `"outbox":{"leader":true`) != 1 ||
			!strings.Contains(one, `"backend":"postgres","state":"healthy"`) || !strings.Contains(one, `"schema":"troupe"`) {
			return fmt.Errorf("inspectors say\n%s%s", one, two)
		}
		return nil
	})
	pgtest.Exec(t, database, `select pg_notify('changes', '{"topic":"messages","event":"said","data":1}')`)
	pgtest.Exec(t, database, `select troupe.troupe_publish('messages', 'left', '{"n":2}'::jsonb)`)
	for _, c := range []*client{onA, onB} {
		first, second := c.expect(`{"topic":"messages","event":`), c.expect(`{"topic":"messages","event":`)
		if got := fmt.Sprintf("%v %v", first["event"], second["event"]); got != "said left" && got != "left said" {
			t.Errorf("got %v and %v", first, second)
		}
	}
	if _, page := get(t, a.url+"/debug/", nil); !strings.Contains(page, "The outbox is forwarded by") || !strings.Contains(page, "<code>changes</code>") {
		t.Errorf("page: %s", page)
	}
	off := serve(t, nil, "--config", file(t, "off.yaml", "postgres: "+database+"\nbridge: {outbox: {enabled: false}}\n"))
	if _, health := get(t, off.url+"/debug/health", nil); strings.Contains(health, "outbox") || strings.Contains(health, "channels") {
		t.Errorf("a node without a bridge says %s", health)
	}
}

// postgresAs makes a user of the server, who may create in the database, and returns the URL for it.
func postgresAs(t *testing.T, database string) (address, name string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name = "ann_" + strings.TrimPrefix(u.Path, "/")
	pgtest.Exec(t, database, fmt.Sprintf(`create role %s login password '%s'; grant create on database %s to %[1]s`, name, redisPassword, strings.TrimPrefix(u.Path, "/")))
	t.Cleanup(func() { pgtest.Exec(t, database, fmt.Sprintf(`drop owned by %s cascade; drop role %[1]s`, name)) })
	u.User = url.UserPassword(name, redisPassword)
	return u.String(), name
}

// TestPostgresSecretNowhere looks for the password wherever the node speaks, in good days and in bad ones.
func TestPostgresSecretNowhere(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	address, role := postgresAs(t, database)
	var said strings.Builder
	hear := func(env []string, args ...string) {
		t.Helper()
		_, stdout, stderr := run(t, env, args...)
		said.WriteString(stdout + stderr)
	}
	env := []string{"TROUPE_POSTGRES=" + address}
	wrong := strings.Replace(address, ":"+redisPassword, ":wrong"+redisPassword, 1)
	for _, command := range []string{"config", "check", "doctor", "pg status", "pg migrate", "pg status --json", "pg outbox dead",
		"pg trigger --table a", "pg trigger --table a --install", "pg trigger --table a --remove", "pg outbox retry 1", "pg outbox discard --all"} {
		hear(env, strings.Fields(command)...)
		for _, bad := range []string{address + "/x", wrong, wrong + "#" + redisPassword, wrong + "?sslmode=" + redisPassword, strings.Replace(wrong, "@", "/@", 1),
			strings.Replace(wrong, "127.0.0.1", "nowhere.invalid", 1), address + "?password=" + redisPassword, "host=h password=" + redisPassword} {
			hear(nil, append(strings.Fields(command), "--postgres", bad)...)
		}
	}
	hear(nil, "--postgres", wrong, "--listen", "127.0.0.1:0")
	hear(nil, "serve", address)
	hear(nil, "pg", "status", address)
	hear(nil, "check", file(t, "t.yaml", "postgres: "+address+"\nlisten: x\n"))
	p := serve(t, env, "--log-level", "debug")
	look := func() {
		for _, path := range []string{"/", "/stats", "/metrics", "/readyz", "/debug/", "/debug/members", "/debug/health", "/debug/topics"} {
			_, body := get(t, p.url+path, nil)
			said.WriteString(body)
		}
	}
	publish(t, p.url, "room:1", "msg", "1")
	if _, stats := get(t, p.url+"/stats", nil); !strings.Contains(stats, `"backend":"postgres","members":1`) || strings.Contains(stats, role) {
		t.Errorf("what everybody may read says where Postgres is: %s", stats)
	}
	look()
	pgtest.Exec(t, database, fmt.Sprintf(`alter role %s password 'other'; select pg_terminate_backend(pid) from pg_stat_activity where usename = '%[1]s'`, role))
	p.ready(t, http.StatusServiceUnavailable, "postgres is down")
	look()
	hear(nil, "members", "--url", p.url)
	hear(nil, "publish", "room:1", "msg", "1", "--url", p.url)
	said.WriteString(p.stderr.String() + p.stdout.String())
	if at := strings.Index(said.String(), redisPassword); at >= 0 {
		t.Errorf("shows the password: ...%s", said.String()[max(0, at-300):at+len(redisPassword)])
	}
	if !strings.Contains(said.String(), "127.0.0.1") {
		t.Error("nothing was said at all")
	}
}

func TestStartSaysPostgres(t *testing.T) {
	t.Parallel()
	address, name := postgresAs(t, pgtest.Shared(t).Database(t))
	if p := serve(t, nil, "--postgres", address, "--schema", "mine"); !strings.Contains(p.stderr.String(), "cluster over Postgres") ||
		!strings.Contains(p.stderr.String(), `postgres://`+name+`:********@127.0.0.1`) || !strings.Contains(p.stderr.String(), "schema=mine") {
		t.Errorf("said\n%s", &p.stderr)
	}
	if p := serve(t, nil, "--postgres", address, "--redis", redistest.Start(t).URL()); !strings.Contains(p.stderr.String(), "cluster over Redis") ||
		!strings.Contains(p.stderr.String(), "Postgres keeps the history of topics whose store is postgres") {
		t.Errorf("said\n%s", &p.stderr)
	}
}

func TestStartWithoutPostgres(t *testing.T) {
	t.Parallel()
	code, _, stderr := run(t, nil, "--postgres", "postgres://ann@"+freeAddress(t)+"/app", "--listen", "127.0.0.1:0")
	if code != exitFault || !strings.Contains(stderr, "is Postgres running at 127.0.0.1") {
		t.Errorf("code %d\n%s", code, stderr)
	}
}
