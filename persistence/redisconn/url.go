package redisconn

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A target is what a URL means; one of single, sentinel and cluster is set.
type target struct {
	addr     string // for messages: without user and password
	single   *redis.Options
	sentinel *redis.FailoverOptions
	cluster  *redis.ClusterOptions
}

// CheckURL returns a *ConfigError, which shows nothing of the URL, unless it is
// one that Open understands:
//
//	redis://[user:password@]host[:port][/db]     one server, or one node of a Cluster
//	rediss://...                                 the same with TLS
//	unix://[user:password@]/path/to/socket[?db=] one server
//	redis://host:port?addr=host:port&addr=...    nodes of a Cluster
//	redis://host:port?master_name=...&addr=...   Sentinels; password= is the server's
//
// Further parameters are those of go-redis for the form, such as skip_verify, protocol
// and pool_size. Refused are those that set timeouts and retries, which Config and
// Open decide, and those that let replicas answer, which may be behind.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// Redact is the URL in a form that may be logged and shown: scheme, address,
// database, Sentinel's name and further addresses; nothing else. A URL that is
// not valid is not shown at all.
func Redact(raw string) string {
	if CheckURL(raw) != nil {
		return "(not a valid URL)"
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a valid URL)"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	query := url.Values{}
	for _, name := range []string{"addr", "master_name", "db"} {
		if v := u.Query()[name]; len(v) > 0 {
			query[name] = v
		}
	}
	shown.RawQuery = query.Encode()
	return shown.String()
}

// Parameters that go-redis takes and Troupe does not.
var (
	decided = []string{"max_retries", "min_retry_backoff", "max_retry_backoff", "dial_timeout", "dialer_retries",
		"dialer_retry_timeout", "read_timeout", "write_timeout", "pool_timeout", "context_timeout_enabled"}
	replicas = []string{"read_only", "route_by_latency", "route_by_latency_tolerance", "route_randomly", "replica_only",
		"use_disconnected_replicas"}
)

func parseURL(raw string) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil { // its message has parts of the URL
		return nil, &ConfigError{"redis", "is not a URL of the form redis://user:password@host:port/db; %-encode special characters in user and password"}
	}
	query := u.Query()
	sentinel := query.Has("master_name")
	cluster := query.Has("addr") && !sentinel
	if rule := faultOf(raw, u, cluster, sentinel); rule != "" {
		return nil, &ConfigError{"redis", rule}
	}
	for name := range query {
		if slices.Contains(decided, name) {
			return nil, &ConfigError{"redis", "must be without " + name + ": timeouts and retries are Troupe's own"}
		}
		if slices.Contains(replicas, name) {
			return nil, &ConfigError{"redis", "must be without " + name + ": replicas may be behind"}
		}
	}
	t, err := goRedis(raw, cluster, sentinel)
	if err != nil {
		return nil, &ConfigError{"redis", ruleOf(err)}
	}
	t.addr = u.Host
	if u.Scheme == "unix" {
		t.addr = u.Path
	}
	return t, nil
}

// faultOf returns the rule that the URL breaks, or "".
func faultOf(raw string, u *url.URL, cluster, sentinel bool) string {
	unix, path := u.Scheme == "unix", strings.Trim(u.Path, "/")
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss" && !unix:
		return "must begin with redis://, rediss:// or unix://"
	case strings.Contains(raw, "#"):
		return "must be without #; write %23 in a password"
	case strings.Contains(u.EscapedPath(), "@") || strings.Contains(u.RawQuery, "@"): // the end of a password, most likely
		return "has an @ behind the host; %-encode special characters in user and password, as / in %2F and @ in %40"
	case u.Opaque != "" || !unix && u.Host == "":
		return "names no host, as in redis://127.0.0.1:6379"
	case unix && (u.Host != "" || path == ""):
		return "names no socket, as in unix:///run/redis/redis.sock"
	case unix && (cluster || sentinel):
		return "unix:// reaches one server only, without addr and master_name"
	case cluster && path != "" && path != "0":
		return ruleNoDB
	}
	return ""
}

const ruleNoDB = "must be without a database number: a Cluster has only one database"

func goRedis(raw string, cluster, sentinel bool) (t *target, err error) {
	t = &target{}
	switch {
	case sentinel:
		t.sentinel, err = redis.ParseFailoverURL(raw)
	case cluster:
		t.cluster, err = redis.ParseClusterURL(raw)
	default:
		t.single, err = redis.ParseURL(raw)
	}
	return t, err
}

// ruleOf says what go-redis found wrong without repeating any of it: what it calls
// the name of a parameter may be the end of a password.
func ruleOf(err error) string {
	text := err.Error()
	for _, known := range []struct{ sign, rule string }{
		{"invalid database number", "has a database that is not a number"},
		{"invalid URL path", "has more than a database number for a path"},
		{"unable to parse addr", "has an addr that is not host:port"},
		{"unexpected option", "has a parameter that this form of URL does not have"},
	} {
		if strings.Contains(text, known.sign) {
			return known.rule
		}
	}
	return "has a parameter with a value that it can not have"
}

// settle gives the options what Troupe decides. Nothing is repeated by go-redis: a
// command whose answer was lost may have run, and it is for the caller to know
// whether it may run again. One pool serves single commands and pipelines, so that
// a lane keeps its connection.
func (t *target) settle(timeout time.Duration, connected func()) {
	calm := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	onConnect := func(context.Context, *redis.Conn) error { connected(); return nil }
	if o := t.single; o != nil {
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		o.MaintNotificationsConfig, o.OnConnect = calm, onConnect
	}
	if o := t.sentinel; o != nil {
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		o.OnConnect = onConnect
	}
	if o := t.cluster; o != nil {
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
		o.PipelinePoolSize = cmp.Or(o.PipelinePoolSize, -1)
		o.MaintNotificationsConfig, o.OnConnect = calm, onConnect
	}
}
