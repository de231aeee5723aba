package pgdb

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// Defaults of a Config.
const (
	DefaultSchema   = "troupe"
	DefaultTimeout  = 2 * time.Second
	DefaultMaxConns = 8
)

// Config of a DB. URL is required.
type Config struct {
	URL    string // see CheckURL
	Schema string // in which all tables and functions are; see CheckSchema. Defaults to DefaultSchema

	// Node names the program in pg_stat_activity.
	Node string

	// Timeout bounds each call from Run to its answer, with the wait for a connection. The
	// server is told to give up at the same time. It is at least a millisecond.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	// MaxConns bounds the connections of the pool, 1 to 1000. Those of Connect and
	// Listen come on top.
	//
	// Defaults to DefaultMaxConns.
	MaxConns int

	// Breaker is asked before each call and told after it. nil: none. Its options should
	// have this package's Answered and Reason.
	Breaker *breaker.Breaker

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one DB
}

func (cfg Config) withDefaults() Config {
	cfg.Schema = cmp.Or(cfg.Schema, DefaultSchema)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, DefaultMaxConns)
	cfg.Node = cmp.Or(cfg.Node, "-")
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (cfg Config) validate() error {
	switch {
	case cfg.Timeout < time.Millisecond:
		return &ConfigError{Field: "timeout", Rule: "must be at least a millisecond"}
	case cfg.MaxConns < 1 || cfg.MaxConns > 1000:
		return &ConfigError{Field: "max connections", Rule: "must be 1 to 1000"}
	}
	return CheckSchema(cfg.Schema)
}

// A ConfigError says which setting is wrong, and what would be right. It shows
// nothing of the setting's value, in which there may be a password.
type ConfigError struct {
	Field string // "postgres" for the URL, "schema", ...
	Rule  string // such as "must be 1 to 1000"
}

// Error is field and rule.
func (e *ConfigError) Error() string { return fmt.Sprintf("pgdb: %s: %s", e.Field, e.Rule) }

var (
	identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	reserved   = regexp.MustCompile(`^(pg_.*|information_schema.*|public)$`)
)

// maxSchema leaves room for what is put before and after it within Postgres' 63 bytes of a name.
const maxSchema = 40

// CheckSchema returns a *ConfigError unless the name is 1 to 40 lower case letters, digits and
// underscores, begins with no digit, and is none that Postgres or everybody uses: pg_*, information_schema, public.
func CheckSchema(name string) error {
	rule := func(r string) error { return &ConfigError{Field: "schema", Rule: r} }
	switch {
	case len(name) < 1 || len(name) > maxSchema:
		return rule(fmt.Sprintf("must have 1 to %d characters", maxSchema))
	case !identifier.MatchString(name):
		return rule("must be lower case letters, digits and underscores, and begin with no digit")
	case reserved.MatchString(name):
		return rule("must be one of its own, not public or one of Postgres' (pg_*, information_schema)")
	}
	return nil
}

// SchemaFor is the schema of a cluster with a prefix, as keys in Redis have one: "troupe:" has
// "troupe". It fails where the prefix gives no name that CheckSchema takes.
func SchemaFor(prefix string) (string, error) {
	name := strings.TrimRight(strings.ToLower(prefix), ":/.-_|")
	if err := CheckSchema(name); err != nil {
		return "", &ConfigError{Field: "schema", Rule: "can not be made of the prefix; give one: lower case letters, digits and underscores, such as troupe"}
	}
	return name, nil
}

// Fault is field and rule of a *ConfigError; of others the text stands for both.
func Fault(err error) (field, rule string) {
	if e, ok := errors.AsType[*ConfigError](err); ok {
		return e.Field, e.Rule
	}
	return "postgres", err.Error()
}
