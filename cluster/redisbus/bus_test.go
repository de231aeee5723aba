package redisbus_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/bustest"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a bus of its own connection; both end with the test.
func start(t testing.TB, url string, cfg redisbus.Config) *redisbus.Bus {
	t.Helper()
	if cfg.Conn == nil {
		conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		cfg.Conn = conn
	}
	bus, err := redisbus.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := bus.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return bus
}

// open gives each node a way of its own to the server, which can be broken.
func open(t *testing.T, server *redistest.Server) *bustest.Scene {
	admin := server.Client(t)
	scene := &bustest.Scene{}
	var proxies [3]*redistest.Proxy
	for i := range proxies {
		proxies[i] = redistest.StartProxy(t, server.Addr())
		scene.Nodes[i] = start(t, proxies[i].URL(), redisbus.Config{Node: fmt.Sprint("node", i)})
	}
	scene.Break = func(node int) { proxies[node].Refuse() }
	scene.Mend = func(node int) { proxies[node].Heal(t) }
	scene.Refuse = func(on bool) {
		channels := "allchannels"
		if on {
			channels = "resetchannels"
		}
		if err := admin.Do(t.Context(), "acl", "setuser", "default", channels).Err(); err != nil {
			t.Errorf("acl setuser: %v", err)
		}
	}
	names := redisconn.NamesFor(redisconn.DefaultPrefix)
	scene.Followers = func(name string) int {
		channel := names.Channel(name)
		counts, err := admin.PubSubNumSub(t.Context(), channel).Result()
		if err != nil {
			t.Errorf("pubsub numsub: %v", err)
		}
		return int(counts[channel])
	}
	scene.Requests = func() int {
		info, err := admin.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Errorf("info: %v", err)
		}
		return callsOf(info, "subscribe")
	}
	return scene
}

func callsOf(info, command string) int {
	found := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(info)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

func TestRelay(t *testing.T) {
	t.Parallel()
	shared := redistest.Start(t)
	bustest.Run(t, func(t *testing.T, need bustest.Need) *bustest.Scene {
		server := shared
		if need.Alone {
			server = redistest.Start(t)
		}
		return open(t, server)
	}, bustest.Options{})
}

var _ topic.Relay = (*redisbus.Bus)(nil)
