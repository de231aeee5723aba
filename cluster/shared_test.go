package cluster

import (
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// A shared is a server that the nodes of a test share, and what the test may do to it.
type shared interface {
	config() Config               // of nodes that use it
	proxied(t testing.TB) proxied // a proxy to it
	stop(t testing.TB)            // in order, with all it has
	Run(t testing.TB)
	Pause()
	Resume()
	KillClients(t testing.TB)
}

// A proxied is a shared as some nodes see it, who can be cut off.
type proxied struct {
	cfg   Config
	proxy interface {
		Refuse()
		Hang()
		Heal(testing.TB)
	}
}

type sharedRedis struct{ *redistest.Server }

func (s sharedRedis) config() Config    { return Config{Redis: s.URL()} }
func (s sharedRedis) stop(t testing.TB) { s.Stop(t, true) }
func (s sharedRedis) proxied(t testing.TB) proxied {
	p := redistest.StartProxy(t, s.Addr())
	return proxied{Config{Redis: p.URL()}, p}
}

type sharedPostgres struct {
	*pgtest.Server
	url string
}

func (s sharedPostgres) config() Config    { return Config{Postgres: s.url} }
func (s sharedPostgres) stop(t testing.TB) { s.Stop(t) }
func (s sharedPostgres) proxied(t testing.TB) proxied {
	p := pgtest.StartProxy(t, s.Addr())
	return proxied{Config{Postgres: p.URL(s.url)}, p}
}

// onEach runs a test with a server of its own of each kind.
func onEach(t *testing.T, test func(t *testing.T, server shared)) {
	t.Helper()
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, sharedRedis{redistest.Start(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := pgtest.Start(t)
		test(t, sharedPostgres{s, s.Database(t)})
	})
}

// onPeace is onEach for tests that leave the servers alone.
func onPeace(t *testing.T, test func(t *testing.T, server shared)) {
	t.Helper()
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, sharedRedis{redistest.Start(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := pgtest.Shared(t)
		test(t, sharedPostgres{s, s.Database(t)})
	})
}

// nodesOn starts nodes a, b, c ... that share a server.
func nodesOn(t testing.TB, server shared, count int, policies ...topic.Policy) []*Node {
	t.Helper()
	all := make([]*Node, count)
	for i := range all {
		cfg := server.config()
		cfg.ID, cfg.Topics = string(rune('a'+i)), policies
		all[i] = startOn(t, cfg)
	}
	return all
}

// startOn starts a node that is closed with the test, however that goes: some tests leave servers broken.
func startOn(t testing.TB, cfg Config) *Node {
	t.Helper()
	n, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func pairOn(t testing.TB, server shared, policies ...topic.Policy) (a, b *Node) {
	t.Helper()
	both := nodesOn(t, server, 2, policies...)
	return both[0], both[1]
}
