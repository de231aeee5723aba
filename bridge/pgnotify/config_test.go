package pgnotify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	db := pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{Schema: "app"})
	c := newCluster(t, pgtest.Shared(t).Database(t))
	topics := startTopics(t, c.log, c.bus)
	for _, name := range []string{"", "1a", "a b", `a"b`, "a;drop", "pg_x", "PG_x", "app_frames", "ä", "troupe_outbox_app", strings.Repeat("x", 64)} {
		_, err := Start(t.Context(), Config{DB: db, Topics: topics, Channels: []Channel{{Name: name}}})
		if !isConfig(err, "channels[0].name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := Start(t.Context(), Config{Keepalive: -1, MaxWait: -1, Channels: []Channel{{Name: "a"}, {Name: "a"},
		{Name: "b", Feeds: []string{"[", "", "ok"}, Queue: 3, MaxBytes: -1}}})
	for _, field := range []string{"db", "topics", "keepalive", "maxWait", "channels[1].name", "channels[2].feeds[0]", "channels[2].feeds[1]",
		"channels[2].queue", "channels[2].maxBytes"} {
		if err == nil || !strings.Contains(err.Error(), "pgnotify: "+field+": ") {
			t.Errorf("%s is not told: %v", field, err)
		}
	}
	if _, err := Start(t.Context(), Config{DB: db, Topics: topics}); !isConfig(err, "channels") {
		t.Errorf("no channels: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ended, Config{DB: db, Topics: topics, Channels: []Channel{{Name: "a"}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

// Names are taken as they are: what is notified to "changes" does not reach "Changes". What other nodes announce is looked at before
// it is believed.
func TestNamesAndAnnouncements(t *testing.T) {
	t.Parallel()
	c := newCluster(t, pgtest.Shared(t).Database(t))
	n := c.node(Config{Channels: []Channel{{Name: "Changes"}, {Name: "led", Leader: true, Feeds: []string{"live:y"}}}})
	x, y := n.listen(t, "live:x"), n.listen(t, "live:y")
	c.notify("changes", "live:x", 1)
	c.notify("Changes", "live:x", 2)
	for _, text := range []string{``, `{`, `{"channel":"led","age":-1}`, `{"channel":"led","age":9223372036854775807}`, `{"channel":7}`} {
		c.exec("select pg_notify('troupe_notify', $1)", text)
	}
	for _, text := range []string{`{"channel":"Changes","bridge":"b","age":1}`, `{"channel":"none","bridge":"b","age":1}`,
		`{"channel":"led","bridge":"` + n.id + `","age":1}`} {
		c.exec("select pg_notify('troupe_notify', $1)", text)
	}
	c.exec(`select pg_notify('troupe_notify', '{"channel":"led","bridge":"b","age":60000}')`)
	c.notify("Changes", "live:x", 3)
	x.wants(t, "2 3")
	y.wants(t, "stale")
	if at := y.staleSince()[0]; time.Since(at) < time.Minute || time.Since(at) > 2*time.Minute {
		t.Errorf("since %s", at)
	}
	c.exec(`select pg_notify('troupe_notify', '{"channel":"led","bridge":"b","topic":"live:x","age":1}')`)
	x.wants(t, "2 3 stale")
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"topic":"a","event":"b"}`, `{"topic":"a","event":"b","data":{"x":[1,2e9,"\u0000"]},"id":"i"}`,
		`{"topic":"a","event":"b","data":1}{}`, "{\"topic\":\"\xff\",\"event\":\"b\"}", `{"topic":"\ud800","event":"b"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		m, err := ParseJSON("c", payload)
		if (m == nil) == (err == nil) {
			t.Fatalf("%v and %v", m, err)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) || len(payload) > 40 && strings.Contains(err.Error(), payload) {
				t.Fatalf("error %v", err)
			}
			return
		}
		checkMessage(t, m)
	})
}
