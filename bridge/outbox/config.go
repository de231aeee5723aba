package outbox

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Defaults of a Config.
const (
	DefaultBatch      = 1000
	DefaultBatchBytes = 8 << 20
	DefaultMaxTries   = 10
	DefaultBackoff    = 100 * time.Millisecond
	DefaultMaxBackoff = 30 * time.Second
	DefaultPoll       = time.Second
	DefaultKeepDead   = 30 * 24 * time.Hour
)

// Topics are where a Forwarder publishes: a *topic.Topics.
type Topics interface {
	// Post publishes without waiting; done runs once, on another goroutine, unless Post returns an error.
	Post(name string, m topic.Message, done func(topic.Receipt, error)) error
}

// Config of a Forwarder. DB, whose schema is up to date, and Topics are required.
type Config struct {
	DB     *pgdb.DB
	Topics Topics

	// Batch and BatchBytes bound what is read at a time: rows, 1 to 10,000, and bytes of their data, at least
	// 1024. A row that is larger alone is read alone.
	//
	// Default to 1000 and 8 MiB.
	Batch      int
	BatchBytes int

	// MaxTries is how often a topic may refuse a row before it becomes a dead letter, at least 1. While a
	// backend is away no tries are counted, and what can never be published is a dead letter at once.
	//
	// Defaults to 10.
	MaxTries int

	// Backoff is how long a topic waits after its first failure, and doubles up to MaxBackoff. Both are jittered.
	//
	// Default to 100 milliseconds and 30 seconds.
	Backoff, MaxBackoff time.Duration

	// Poll is how often an idle Forwarder looks, which matters only if a wake-up was lost, and how often one
	// that is not the leader tries to be. At least 10 milliseconds.
	//
	// Defaults to a second.
	Poll time.Duration

	// KeepDead is how long dead letters are kept, by the database's clock. -1 keeps them.
	//
	// Defaults to 30 days.
	KeepDead time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one Forwarder
}

func (c Config) withDefaults() Config {
	c.Batch = cmp.Or(c.Batch, DefaultBatch)
	c.BatchBytes = cmp.Or(c.BatchBytes, DefaultBatchBytes)
	c.MaxTries = cmp.Or(c.MaxTries, DefaultMaxTries)
	c.Backoff = cmp.Or(c.Backoff, DefaultBackoff)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, max(DefaultMaxBackoff, c.Backoff))
	c.Poll = cmp.Or(c.Poll, DefaultPoll)
	c.KeepDead = cmp.Or(c.KeepDead, DefaultKeepDead)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	var faults []error
	if c.DB == nil {
		faults = append(faults, &ConfigError{"db", "is required"})
	}
	if c.Topics == nil {
		faults = append(faults, &ConfigError{"topics", "is required"})
	}
	for _, f := range c.Faults() {
		faults = append(faults, f)
	}
	return errors.Join(faults...)
}

// A ConfigError is one fault of a Config. Start joins one for each, so errors.As finds the
// first of them.
type ConfigError struct {
	Field string // "maxTries"
	Rule  string // what it breaks: "must be at least 1"
}

func (e *ConfigError) Error() string { return "outbox: config: " + e.Field + ": " + e.Rule }

// Faults returns everything that is wrong with the settings, fields named as in a configuration
// file. That DB and Topics are there it does not ask.
func (c Config) Faults() []*ConfigError {
	c = c.withDefaults()
	var faults []*ConfigError
	must := func(ok bool, field, rule string) {
		if !ok {
			faults = append(faults, &ConfigError{field, rule})
		}
	}
	must(c.Batch >= 1 && c.Batch <= 10_000, "batch", "must be 1 to 10000")
	must(c.BatchBytes >= 1024, "batchBytes", "must be at least 1024")
	must(c.MaxTries >= 1, "maxTries", "must be at least 1")
	must(c.Backoff >= time.Millisecond, "backoff", "must be at least a millisecond")
	must(c.MaxBackoff >= c.Backoff, "maxBackoff", "must not be below backoff")
	must(c.Poll >= 10*time.Millisecond, "poll", "must be at least 10 milliseconds")
	must(c.KeepDead > 0 || c.KeepDead == -1, "keepDead", "must be positive, or -1 to keep them")
	return faults
}
