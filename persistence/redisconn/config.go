package redisconn

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// Defaults of a Config.
const (
	DefaultTimeout   = 2 * time.Second
	DefaultLanes     = 2
	DefaultMaxQueued = 16384
)

// Config of a Conn. URL is required.
type Config struct {
	URL    string // see CheckURL
	Prefix string // see CheckPrefix; defaults to DefaultPrefix

	// Timeout bounds each command from Do to its answer, and each attempt to
	// connect. It is at least a millisecond.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	// Lanes is how many pipelines may be under way at once, 1 to 16; to a Cluster, to
	// each of its nodes. Each uses one connection. More make pipelines smaller, not
	// calls faster, unless the way to Redis is long.
	//
	// Defaults to DefaultLanes.
	Lanes int

	// MaxQueued is how many commands may wait for a lane; to a Cluster, for those of
	// one node. Beyond it Do fails with ErrOverloaded.
	//
	// Defaults to DefaultMaxQueued.
	MaxQueued int

	// Breaker is asked before each pipeline and told after it. nil: none. Its
	// options should have this package's Answered and Reason.
	Breaker *breaker.Breaker

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one Conn
}

func (cfg Config) withDefaults() Config {
	cfg.Prefix = cmp.Or(cfg.Prefix, DefaultPrefix)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.Lanes = cmp.Or(cfg.Lanes, DefaultLanes)
	cfg.MaxQueued = cmp.Or(cfg.MaxQueued, DefaultMaxQueued)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (cfg Config) validate() error {
	switch {
	case cfg.Timeout < time.Millisecond:
		return &ConfigError{Field: "timeout", Rule: "must be at least a millisecond"}
	case cfg.Lanes < 1 || cfg.Lanes > 16:
		return &ConfigError{Field: "lanes", Rule: "must be 1 to 16"}
	case cfg.MaxQueued < 1:
		return &ConfigError{Field: "max queued", Rule: "must be positive"}
	}
	return CheckPrefix(cfg.Prefix)
}

// A ConfigError says which setting is wrong, and what would be right. It shows
// nothing of the setting's value, in which there may be a password.
type ConfigError struct {
	Field string // "redis" for the URL, "prefix", ...
	Rule  string // such as "must be 1 to 16"
}

// Error is field and rule.
func (e *ConfigError) Error() string { return fmt.Sprintf("redisconn: %s: %s", e.Field, e.Rule) }

// MaxPrefix is how long a prefix may be, in bytes.
const MaxPrefix = 64

// CheckPrefix returns a *ConfigError unless the prefix is 1 to MaxPrefix printable
// ASCII characters without spaces, quotes, backslashes, braces (a Cluster would
// take them for a hash tag) and the characters *?[] of patterns (which would let
// a rule for one prefix take in another).
func CheckPrefix(prefix string) error {
	rule := func(r string) error { return &ConfigError{Field: "prefix", Rule: r} }
	if len(prefix) < 1 || len(prefix) > MaxPrefix {
		return rule(fmt.Sprintf("must have 1 to %d characters", MaxPrefix))
	}
	for i := range len(prefix) {
		switch b := prefix[i]; {
		case b <= ' ' || b > '~':
			return rule("must be printable ASCII without spaces")
		case b == '{' || b == '}' || b == '"' || b == '\'' || b == '`' || b == '\\':
			return rule("must be without braces, quotes and backslashes")
		case b == '*' || b == '?' || b == '[' || b == ']':
			return rule("must be without the characters *?[]")
		}
	}
	return nil
}
