package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// questionTimeout bounds each question to the server.
const questionTimeout = 3 * time.Second

// Options say what to examine.
type Options struct {
	URL      string // of Redis
	Shown    string // the URL as it may be shown
	Prefix   string // of keys and channels
	Replicas int    // how many the node is to wait for
}

// Examine connects, learns and judges. Its error means that nobody could be
// asked.
func Examine(ctx context.Context, o Options) (*Report, error) {
	connecting, cancel := context.WithTimeout(ctx, 2*questionTimeout)
	defer cancel()
	conn, err := redisconn.Open(connecting, redisconn.Config{URL: o.URL, Prefix: o.Prefix, Timeout: questionTimeout})
	var old *redisconn.VersionError
	if errors.As(err, &old) { // nothing else of it matters
		return &Report{Redis: o.Shown, Verdict: Fail, Findings: of(backendRedis, checkVersion(&Server{Info: map[string]string{"redis_version": old.Have}}))}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	defer conn.Close()
	e := &examination{client: conn.Client(), cluster: conn.Cluster(), names: conn.Names(), topic: "doctor:" + token()}
	facts := e.learn(ctx, o)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	found := Judge(facts)
	return &Report{Redis: o.Shown, Verdict: worst(found), Findings: found}, nil
}

// token is for names that nobody else has.
func token() string { return rand.Text()[:12] }

type examination struct {
	client  redis.UniversalClient
	cluster bool
	names   redisconn.Names
	topic   string // nobody else's
}

func (e *examination) learn(ctx context.Context, o Options) Facts {
	f := Facts{Replicas: o.Replicas, Servers: e.servers(ctx)}
	if e.cluster {
		f.Cluster = e.clusterState(ctx)
	}
	f.Missing = e.refusals(ctx, o.Replicas)
	f.PubSub = e.echo(ctx)
	f.RoundTrip = e.roundTrip(ctx)
	return f
}

// ask runs one command within its deadline.
func ask(ctx context.Context, c redis.Cmdable, do func(context.Context, redis.Cmdable) error) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	return do(ctx, c)
}

// servers asks each that takes writes.
func (e *examination) servers(ctx context.Context) []Server {
	all, ok := e.client.(*redis.ClusterClient)
	if !ok {
		return []Server{look(ctx, e.client, "")}
	}
	var mu sync.Mutex
	var found []Server
	// What can not be reached shows in the state of the cluster.
	_ = all.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		s := look(ctx, c, c.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		found = append(found, s)
		return nil
	})
	slices.SortFunc(found, func(a, b Server) int { return compareAddr(a.Addr, b.Addr) })
	return found
}

func compareAddr(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	return 1
}

// look asks one server. What it refuses stays nil.
func look(ctx context.Context, c redis.Cmdable, addr string) Server {
	s := Server{Addr: addr}
	_ = ask(ctx, c, func(ctx context.Context, c redis.Cmdable) error {
		text, err := c.Info(ctx, "everything").Result()
		if err == nil {
			s.Info = parseInfo(text)
		}
		return err
	})
	config := map[string]string{}
	for _, name := range []string{"maxmemory", "maxmemory-policy", "client-output-buffer-limit", "save", "appendonly",
		"appendfsync", "min-replicas-to-write", "timeout", "tcp-keepalive"} {
		err := ask(ctx, c, func(ctx context.Context, c redis.Cmdable) error {
			values, err := c.ConfigGet(ctx, name).Result()
			for key, value := range values {
				config[key] = value
			}
			return err
		})
		if err != nil {
			return s // forbidden for one is forbidden for all
		}
	}
	s.Config = config
	return s
}

func (e *examination) clusterState(ctx context.Context) *ClusterState {
	state := &ClusterState{}
	state.Err = ask(ctx, e.client, func(ctx context.Context, c redis.Cmdable) error {
		text, err := c.ClusterInfo(ctx).Result()
		fields := parseInfo(text)
		state.State = fields["cluster_state"]
		state.Slots, _ = strconv.Atoi(fields["cluster_slots_ok"])
		return err
	})
	return state
}

// roundTrip asks for the time.
func (e *examination) roundTrip(ctx context.Context) RoundTrip {
	return measure(func() (server time.Time, err error) {
		err = ask(ctx, e.client, func(ctx context.Context, c redis.Cmdable) (err error) {
			server, err = c.Time(ctx).Result()
			return err
		})
		return server, err
	})
}

// measure takes 20 round trips, and the clock by the quickest.
func measure(now func() (time.Time, error)) RoundTrip {
	var trips []time.Duration
	var best, ahead time.Duration
	for range 20 {
		began := time.Now()
		server, err := now()
		took := time.Since(began)
		if err != nil {
			break
		}
		trips = append(trips, took)
		if best == 0 || took < best {
			best, ahead = took, server.Sub(began.Add(took/2))
		}
	}
	if len(trips) == 0 {
		return RoundTrip{}
	}
	slices.Sort(trips)
	return RoundTrip{Median: trips[len(trips)/2], Ahead: ahead}
}
