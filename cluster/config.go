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

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/presence"
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

	// Presence says on which topics presence is kept, and how; the first whose
	// pattern fits a name decides, and a topic that none fits has none.
	//
	// Defaults to presence.Policy's defaults for every topic.
	Presence []presence.Policy

	// Cursors says the same of cursors.
	//
	// Defaults to cursor.Policy's defaults for every topic.
	Cursors []cursor.Policy

	// Groups say how groups behave. With some, only names that one of them fits are
	// groups.
	//
	// Defaults to group.Policy's defaults for every name.
	Groups []group.Policy

	// GroupHooks are told what happens to groups on this node.
	GroupHooks group.Hooks

	// Limits are rate limits, which Node.Limits consumes from by their name. All nodes of a
	// cluster share what is left of each.
	//
	// Defaults to none.
	Limits []ratelimit.Policy

	// Redis is the URL of the Redis that the nodes of a cluster share: redis://
	// or rediss://, with addr= for the further nodes of a Redis Cluster or
	// master_name= for Sentinel. Start fails when it does not answer. The client,
	// go-redis, writes lines of its own to standard error during an outage;
	// redisconn.LogTo sends them to a logger, for the whole process.
	//
	// Defaults to none: without Postgres either the node is alone and keeps all in
	// memory.
	Redis string

	// Prefix begins the names of all keys and channels in Redis. Nodes with the
	// same Redis and the same prefix are one cluster. Without Redis it is the Schema
	// that says so.
	//
	// Defaults to "troupe:".
	Prefix string

	// Postgres is the URL of the Postgres that the nodes of a cluster share: see
	// pgdb.CheckURL. Beside Redis it keeps the history of topics whose policy says
	// Store: StorePostgres. Without Redis it is all that the nodes share: it keeps everything,
	// and carries what they tell each other. Start brings the schema up to date, and fails
	// when the database does not answer.
	//
	// Defaults to none.
	Postgres string

	// Schema is the schema of the database in which all tables are: see pgdb.CheckSchema.
	// Nodes with the same Postgres and the same schema are one cluster.
	//
	// Defaults to the Prefix without what is not part of a name: "troupe".
	Schema string

	// PostgresConns bounds the node's pool of connections to Postgres, 1 to 1000. Beside it
	// there are three without Redis, for the relay and the lease, one for the Outbox, one for Notify,
	// and one more for each channel with a leader.
	//
	// Defaults to pgdb.DefaultMaxConns, 8.
	PostgresConns int

	// Notify are channels of Postgres' NOTIFY whose notifications are published to topics. It needs
	// Postgres.
	Notify []pgnotify.Channel

	// Outbox has this node take part in forwarding what transactions left in the outbox of
	// the schema; its DB, Topics, Logger and Registerer are the node's. It needs Postgres.
	//
	// Defaults to none.
	Outbox *outbox.Config

	// Replicas is how many replicas of Redis must have a publish before it is
	// acknowledged.
	//
	// Defaults to 0: Redis itself is enough.
	Replicas int

	// Address is what the other nodes are told of where this one is. It is for
	// people to read.
	Address string

	// Memory is how many bytes the history of all topics may take. What goes
	// beyond it pushes out the oldest. It is without effect with Redis or Postgres.
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
	if c.Prefix == "" {
		c.Prefix = redisconn.DefaultPrefix
	}
	if c.Schema == "" {
		c.Schema, _ = pgdb.SchemaFor(c.Prefix) // "" is refused where it matters
	}
	if c.PostgresConns == 0 {
		c.PostgresConns = pgdb.DefaultMaxConns
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
	if c.Redis != "" {
		c.checkRedis(add)
	} else if c.Replicas != 0 {
		add("replicas", "%d needs redis", c.Replicas)
	}
	if c.Postgres != "" {
		c.checkPostgres(add)
	}
	c.checkAddress(add)
	c.checkStores(add)
	c.checkBridges(add)
	if c.Memory < 0 {
		add("memory", "%d is negative", c.Memory)
	}
	if c.DrainTimeout < 0 {
		add("drainTimeout", "%s is negative", c.DrainTimeout)
	}
	checkPolicies(add, "topics", c.Topics)
	checkPolicies(add, "presence", c.Presence)
	checkPolicies(add, "cursors", c.Cursors)
	checkPolicies(add, "groups", c.Groups)
	checkPolicies(add, "limits", c.Limits)
	names := map[string]bool{}
	for i, p := range c.Limits {
		if names[p.Name] {
			add(fmt.Sprintf("limits[%d].name", i), "%q is there twice", p.Name)
		}
		names[p.Name] = true
	}
	return errors.Join(faults...)
}

// A policy is one of those that lists of a Config have.
type policy[P any] interface {
	WithDefaults() P
	Faults() []error // "field: rule"
}

func checkPolicies[P policy[P]](add func(field, format string, args ...any), list string, policies []P) {
	for i, p := range policies {
		for _, err := range p.WithDefaults().Faults() {
			field, rule, _ := strings.Cut(err.Error(), ": ")
			add(fmt.Sprintf("%s[%d].%s", list, i, strings.TrimPrefix(field, list+".")), "%s", rule)
		}
	}
}

func (c Config) checkRedis(add func(field, format string, args ...any)) {
	for _, err := range []error{redisconn.CheckURL(c.Redis), redisconn.CheckPrefix(c.Prefix)} {
		if fault, ok := errors.AsType[*redisconn.ConfigError](err); ok {
			add(fault.Field, "%s", fault.Rule)
		}
	}
	if c.Replicas < 0 {
		add("replicas", "%d is negative", c.Replicas)
	}
}
