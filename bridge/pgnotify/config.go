package pgnotify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Defaults of a Config and a Channel.
const (
	DefaultMaxBytes = 1 << 20
	DefaultQueue    = 8192
)

// Topics is what a Bridge publishes with. *topic.Topics is one.
type Topics interface {
	Receivers
	Policy(name string) topic.Policy
	Post(name string, m topic.Message, done func(topic.Receipt, error)) error
	PostLocal(name string, m topic.Message, done func(topic.Receipt, error)) error
}

// Receivers are those of this node, who are told when something may have been missed.
type Receivers interface {
	Names() []string
	Stale(name string, since time.Time)
}

// Config of a Bridge. DB, Topics and at least one Channel are required.
type Config struct {
	DB       *pgdb.DB
	Topics   Topics
	Channels []Channel

	// Alone says that no other node has these topics. Then there is no leader to elect, and notifications for
	// topics with history are published in either mode.
	Alone bool

	// Keepalive is how long a connection may be silent before it is asked whether it lives. It must answer within
	// the DB's timeout.
	//
	// Defaults to pgdb.DefaultKeepalive.
	Keepalive time.Duration

	// MaxWait bounds the time between tries to connect, which begins with a tenth of a second, or MaxWait if that is
	// less, grows, and is jittered.
	//
	// Defaults to five seconds.
	MaxWait time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; takes one Bridge
}

// A Channel is what is listened to.
type Channel struct {
	// Name is that of the NOTIFY, 1 to 63 ASCII letters, digits and underscores, beginning with no digit. Upper and lower
	// case are different: SQL makes lower case of a name without quotes. Names that begin with pg_, or with the
	// schema's name and an underscore, are refused: those are Postgres' and the nodes' own.
	Name string

	// Leader has one node of the cluster take each notification and publish it for all. Otherwise every node takes
	// it and tells its own receivers; that needs no election, but serves only topics without
	// history, unless the message has an ID.
	Leader bool

	// Parse makes a message of a notification. (nil, nil) skips it. It is called one at a time, from the
	// goroutine that reads, must not block, and may panic at the cost of that notification.
	//
	// Defaults to JSON {"topic","event","data","id"}, of which data and id may be missing, and more may be there.
	Parse func(channel, payload string) (*Message, error)

	// AllowSystem lets topics be fed whose names begin with "__".
	AllowSystem bool

	// Feeds are patterns of the topics whose receivers are told `stale` when notifications may have been missed.
	//
	// Told are also the newest 65,536 that this node has seen the channel feed. Without Feeds a topic that is fed for
	// the first time while the connection is away is not told; and with Leader, or before anything was received,
	// every topic is that is not the system's.
	Feeds []string

	// MaxBytes bounds the data of a message. More is dropped and counted.
	//
	// Defaults to DefaultMaxBytes.
	MaxBytes int

	// Queue is how many notifications may wait for the topics, 16 to 1,000,000; 8 KiB each at the most. When that many do
	// and the topics work, reading waits, and Postgres keeps the rest. When a backend of topics is
	// away, further notifications are dropped, and `stale` is told in their place.
	//
	// Defaults to DefaultQueue.
	Queue int
}

// A Message is what a notification says.
type Message struct {
	Topic string
	Event string
	Data  json.RawMessage // empty means null

	// ID is unique to the notification, and the same on all nodes. The same ID is published once within the
	// Dedup of the topic's policy. It may be empty.
	ID string

	checked bool // Data is known to be valid JSON
}

// A ConfigError is one fault of a Config. Start joins one for each, so errors.As finds the first of them.
type ConfigError struct {
	Field string // "db", "channels[2].name"
	Rule  string // what it breaks
}

func (e *ConfigError) Error() string { return "pgnotify: " + e.Field + ": " + e.Rule }

func (c Config) withDefaults() Config {
	c.Keepalive = cmp.Or(c.Keepalive, pgdb.DefaultKeepalive)
	c.MaxWait = cmp.Or(c.MaxWait, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	channels := make([]Channel, len(c.Channels))
	for i, ch := range c.Channels {
		ch.MaxBytes = cmp.Or(ch.MaxBytes, DefaultMaxBytes)
		ch.Queue = cmp.Or(ch.Queue, DefaultQueue)
		if ch.Parse == nil {
			ch.Parse = ParseJSON
		}
		channels[i] = ch
	}
	c.Channels = channels
	return c
}

func (c Config) validate() error {
	var faults []error
	add := func(field, rule string) { faults = append(faults, &ConfigError{field, rule}) }
	schema := ""
	if c.DB == nil {
		add("db", "is required")
	} else {
		schema = c.DB.Schema()
	}
	if c.Topics == nil {
		add("topics", "are required")
	}
	if len(c.Channels) == 0 {
		add("channels", "are required: one at least")
	}
	if c.Keepalive < 0 {
		add("keepalive", "must not be negative")
	}
	if c.MaxWait < 0 {
		add("maxWait", "must not be negative")
	}
	seen := map[string]int{}
	for i, ch := range c.Channels {
		at := fmt.Sprintf("channels[%d]", i)
		if before, twice := seen[ch.Name]; twice {
			add(at+".name", fmt.Sprintf("is the same as that of channels[%d]", before))
		}
		seen[ch.Name] = i
		for _, f := range ch.Faults(schema) {
			add(at+"."+f.Field, f.Rule)
		}
	}
	return errors.Join(faults...)
}

var channelName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Faults returns everything that is wrong with the channel, fields named as in a configuration file. The schema is
// that of the DB; "" if it is not known.
func (ch Channel) Faults(schema string) []*ConfigError {
	var faults []*ConfigError
	add := func(field, format string, args ...any) {
		faults = append(faults, &ConfigError{field, fmt.Sprintf(format, args...)})
	}
	if rule := channelRule(ch.Name, schema); rule != "" {
		add("name", "%s", rule)
	}
	for i, p := range ch.Feeds {
		if err := topic.CheckPattern(p); err != nil || p == "" {
			add(fmt.Sprintf("feeds[%d]", i), "is not a pattern")
		}
	}
	if ch.MaxBytes < 0 || ch.MaxBytes > 16<<20 {
		add("maxBytes", "must be 1 to 16 MiB")
	}
	if ch.Queue != 0 && (ch.Queue < 16 || ch.Queue > 1_000_000) {
		add("queue", "must be 16 to 1000000")
	}
	return faults
}

// channelRule is what a channel's name breaks, "" if it is fine.
func channelRule(name, schema string) string {
	switch {
	case !channelName.MatchString(name):
		return "must be 1 to 63 ASCII letters, digits and underscores, and begin with no digit"
	case strings.HasPrefix(strings.ToLower(name), "pg_"):
		return "must not begin with pg_, which is Postgres' own"
	case schema != "" && strings.HasPrefix(name, schema+"_"):
		return "must not begin with " + schema + "_, which the nodes use among themselves"
	case strings.HasPrefix(name, "troupe_outbox_"):
		return "must not begin with troupe_outbox_, which the nodes use among themselves"
	}
	return ""
}
