package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"
)

// A VersionError is returned by Open for a server older than Redis 7.0.
type VersionError struct{ Have string }

// Error says what the server is and what it should be.
func (e *VersionError) Error() string {
	return fmt.Sprintf("redisconn: the server is Redis %s; Troupe needs 7.0 or newer", e.Have)
}

// Open connects, learns what is there, and starts the lanes. A server that says
// that it is a node of a Cluster is used as one. Open takes no longer than
// Config.Timeout times 3, and ends with ctx.
//
// Its errors are a *ConfigError, a *VersionError, or one that wraps what
// connecting failed with and says what to look at. None shows a password.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	t, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	m := newMetrics(cfg.Registerer)
	t.settle(cfg.Timeout, m.connects.Inc)
	client, cluster, err := t.persist(ctx, cfg.Timeout)
	if err != nil {
		return nil, err
	}
	cfg.Logger.Info("connected to Redis", "backend", "redis", "url", Redact(cfg.URL), "cluster", cluster)
	return start(cfg, client, cluster, m), nil
}

// maxLost is how often a connection may be lost before Open believes that it always is.
const maxLost = 3

// persist connects, again where that may help.
func (t *target) persist(ctx context.Context, timeout time.Duration) (client redis.UniversalClient, cluster bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*timeout)
	defer cancel()
	lost := 0
	_, _ = backoff.Retry(ctx, func() (struct{}, error) { // the last error says more than ctx's
		client, cluster, err = t.connect(ctx, timeout)
		switch {
		case err == nil, Reason(err) == "loading":
			return struct{}{}, err
		case Reason(err) == "lost" && lost < maxLost:
			lost++
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 50 * time.Millisecond,
		RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 500 * time.Millisecond}))
	return client, cluster, err
}

// connect returns a client whose server has answered.
func (t *target) connect(ctx context.Context, timeout time.Duration) (redis.UniversalClient, bool, error) {
	client := t.client()
	about, err := hello(ctx, client, timeout)
	if redis.HasErrorPrefix(err, "SELECT is not allowed in cluster mode") {
		_ = client.Close()
		return nil, false, &ConfigError{"redis", ruleNoDB}
	}
	if err != nil {
		_ = client.Close()
		return nil, false, fmt.Errorf("redisconn: connect: %w (%s)", err, hint(err, t))
	}
	cluster := t.cluster != nil
	switch {
	case about.mode == "sentinel":
		err = &ConfigError{"redis", "names a Sentinel: add ?master_name= with the name of what it watches"}
	case about.major < 7:
		err = &VersionError{about.version}
	case about.mode == "cluster" && t.single != nil:
		_ = client.Close()
		return t.asCluster(ctx, timeout)
	case about.mode != "cluster" && t.cluster != nil:
		err = &ConfigError{"redis", "has addr=, but the server is no node of a Cluster"}
	}
	if err != nil {
		_ = client.Close()
		return nil, false, err
	}
	return client, cluster, nil
}

func (t *target) client() redis.UniversalClient {
	switch {
	case t.sentinel != nil:
		return redis.NewFailoverClient(t.sentinel)
	case t.cluster != nil:
		return redis.NewClusterClient(t.cluster)
	}
	return redis.NewClient(t.single)
}

// asCluster connects again to what turned out to be a node of a Cluster.
func (t *target) asCluster(ctx context.Context, timeout time.Duration) (redis.UniversalClient, bool, error) {
	o := t.single
	if o.Network == "unix" {
		return nil, false, &ConfigError{"redis", "names the socket of a node of a Cluster: use redis://, as the other nodes are reached that way"}
	}
	nodes := &target{addr: t.addr, cluster: &redis.ClusterOptions{
		Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		ClientName: o.ClientName, Protocol: o.Protocol, PoolFIFO: o.PoolFIFO, PoolSize: o.PoolSize,
		MinIdleConns: o.MinIdleConns, MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns,
		MaxConcurrentDials: o.MaxConcurrentDials, ConnMaxIdleTime: o.ConnMaxIdleTime,
		ConnMaxLifetime: o.ConnMaxLifetime, ConnMaxLifetimeJitter: o.ConnMaxLifetimeJitter,
		PipelinePoolSize: o.PipelinePoolSize, PipelineReadBufferSize: o.PipelineReadBufferSize,
		PipelineWriteBufferSize: o.PipelineWriteBufferSize,
	}}
	onConnect := o.OnConnect
	nodes.settle(timeout, func() {})
	nodes.cluster.OnConnect = onConnect
	return nodes.connect(ctx, timeout)
}

// About is what a server says of itself.
type about struct {
	version string
	major   int
	mode    string // "standalone", "sentinel" or "cluster"
}

// hello asks by HELLO, which servers allow to every user, unlike INFO.
func hello(ctx context.Context, client redis.UniversalClient, timeout time.Duration) (about, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := redis.NewMapStringInterfaceCmd(ctx, "hello")
	if err := client.Process(ctx, cmd); err != nil {
		return about{}, err
	}
	a := about{}
	a.version, _ = cmd.Val()["version"].(string)
	a.mode, _ = cmd.Val()["mode"].(string)
	major, _, _ := strings.Cut(a.version, ".")
	var err error
	if a.major, err = strconv.Atoi(major); err != nil || a.mode == "" {
		return about{}, errors.New("what answers is not Redis")
	}
	return a, nil
}
