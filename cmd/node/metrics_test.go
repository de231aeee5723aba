package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt anew")

// recorder notes what is registered: a metric with labels shows in a scrape
// only once it has counted something.
type recorder struct {
	prometheus.Registerer
	seen []string
}

func (r *recorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	for d := range descs {
		r.seen = append(r.seen, d.String())
	}
	return r.Registerer.Register(c)
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

var descriptor = regexp.MustCompile(`fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)", (?:unit: "[^"]*", )?constLabels: \{[^}]*\}, variableLabels: \{([^}]*)\}`)

// TestMetrics compares the names and labels of all metrics of nodes, one in
// memory, one with Redis and one with Postgres, with testdata/metrics.txt. Run it with -update after
// a change, and look at the difference as a user with a dashboard would.
func TestMetrics(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"troupe_build_info{version}": true} // registered by newExposition
	database := pgtest.Shared(t).Database(t)
	for _, backends := range []string{"", "redis: " + redistest.Start(t).URL(), "postgres: " + database + "\nbridge: {notify: [{channel: a}]}"} {
		for _, d := range descriptions(t, backends) {
			m := descriptor.FindStringSubmatch(d)
			if m == nil {
				t.Fatalf("unexpected description %s", d)
			}
			if !strings.HasPrefix(m[1], "troupe_") || !strings.HasSuffix(m[2], ".") {
				t.Errorf("%s: the name must begin with troupe_, the help %q end with a dot", m[1], m[2])
			}
			if slices.ContainsFunc(strings.Split(m[3], ","), unbounded) {
				t.Errorf("%s has label %s: topics and users have no bound", m[1], m[3])
			}
			seen[strings.TrimSuffix(fmt.Sprintf("%s{%s}", m[1], m[3]), "{}")] = true
		}
	}
	golden(t, "testdata/metrics.txt", strings.Join(slices.Sorted(maps.Keys(seen)), "\n")+"\n")
}

// descriptions starts a node, lets it work, and returns what it registered.
func descriptions(t *testing.T, backends string) []string {
	t.Helper()
	e := newExposition()
	rec := &recorder{Registerer: e.node}
	e.node = rec
	text := "listen: 127.0.0.1:0\nauth: {jwt: {keys: '" + testSecret + "', algorithms: [HS256]}}\n" + backends + "\n"
	loaded, err := settings.Load(settings.Input{File: "t.yaml", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := startServer(t.Context(), loaded, slog.New(slog.DiscardHandler), e)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.drain(ctx); err != nil {
			t.Error(err)
		}
	}()
	c := dial(t, s.URL(), bearer(signed(t, testSecret, jwt.MapClaims{"sub": "ann"})))
	c.send(`{"type":"publish","topic":"room:1","event":"said","data":1,"ref":1}`)
	c.expect(`"published"`)
	_ = c.ws.CloseNow() // a drain waits for clients that are there
	lint(t, e)
	return rec.seen
}

func unbounded(label string) bool {
	return slices.Contains([]string{"topic", "user", "session", "client", "id", "key", "address"}, label)
}

func lint(t *testing.T, e *exposition) {
	t.Helper()
	problems, err := testutil.GatherAndLint(e.own)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s has\n%s\nwant\n%s\nrun the test with -update and look at the difference", name, want, got)
	}
}

// TestScrape shows that a scrape has the process's metrics too, and that no
// topic gets a label, however many there are.
func TestScrape(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	c := dial(t, p.url, nil)
	for i := range 50 {
		c.send(fmt.Sprintf(`{"type":"publish","topic":"secret-room:%d","event":"said","data":1,"ref":%d}`, i, i))
		c.expect(`"published"`)
	}
	eventually(t, func() error {
		_, body := get(t, p.url+"/metrics", nil)
		for _, want := range []string{`troupe_topic_published_total{policy="*"} 50`, "go_goroutines", "process_start_time_seconds", "troupe_build_info{version="} {
			if !strings.Contains(body, want) {
				return fmt.Errorf("no %s in\n%s", want, body)
			}
		}
		if strings.Contains(body, "secret-room") {
			return fmt.Errorf("a topic is a label:\n%s", body)
		}
		return nil
	})
}
