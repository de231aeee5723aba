package cluster

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/topic"
)

// Defaults of a Config.
const (
	DefaultMemory       = 256 << 20
	DefaultDrainTimeout = 10 * time.Second
)

// Config of a Node. The zero Config starts a node of one, all in memory.
type Config struct {
	// ID names the node in logs and to clients: 1 to 64 letters, digits, dots,
	// dashes and underscores, different for each node.
	//
	// Defaults to a short random text.
	ID string

	// Topics say how topics behave; the first whose pattern fits a name
	// decides. Fields that are zero have the defaults of topic.Policy.
	//
	// Defaults to topic.Policy's defaults for every topic.
	Topics []topic.Policy

	// Memory is how many bytes the history of all topics may take. What goes
	// beyond it pushes out the oldest.
	//
	// Defaults to 256 MiB.
	Memory int64

	// DrainTimeout bounds the gentle stop that follows when the context given
	// to Start ends. Drain is bounded by its own context.
	//
	// Defaults to 10 seconds.
	DrainTimeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; serves one node
}

// A ConfigError is one fault of a Config. Start joins one for each, so
// errors.As finds the first of them.
type ConfigError struct {
	Field string // "id", "memory", "topics[2].history.size"
	Rule  string // what it breaks: "0 is not within 1 to 1000000"
}

func (e *ConfigError) Error() string { return e.Field + ": " + e.Rule }

func (c Config) withDefaults() Config {
	if c.ID == "" {
		c.ID = strings.ToLower(rand.Text()[:8])
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = DefaultDrainTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	policies := make([]topic.Policy, len(c.Topics))
	for i, p := range c.Topics {
		policies[i] = p.WithDefaults()
	}
	c.Topics = policies
	return c
}

var nodeID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (c Config) validate() error {
	var faults []error
	add := func(field, format string, args ...any) {
		faults = append(faults, &ConfigError{field, fmt.Sprintf(format, args...)})
	}
	if !nodeID.MatchString(c.ID) {
		add("id", "%.80q must be 1 to 64 letters, digits, dots, dashes and underscores", c.ID)
	}
	if c.Memory < 0 {
		add("memory", "%d is negative", c.Memory)
	}
	if c.DrainTimeout < 0 {
		add("drainTimeout", "%s is negative", c.DrainTimeout)
	}
	for i, p := range c.Topics {
		for _, err := range p.Faults() {
			field, rule, _ := strings.Cut(err.Error(), ": ")
			add(fmt.Sprintf("topics[%d].%s", i, field), "%s", rule)
		}
	}
	return errors.Join(faults...)
}
