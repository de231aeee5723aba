package inspect

import "time"

// A Source is a node as the inspector sees it. Its methods are called from many
// goroutines and must return at once.
type Source interface {
	Node() Node
	Members() []Member
	Backends() Backends
	Topics() Topics
}

// A Node is what a node says of itself.
type Node struct {
	ID            string  `json:"id"`
	Version       string  `json:"version"`
	Address       string  `json:"address"` // where it serves
	Backend       string  `json:"backend"` // the URL that makes it one of a cluster, without secrets; "" in memory
	Ready         bool    `json:"ready"`
	UptimeSeconds float64 `json:"uptimeSeconds"`
}

// A Member is one node of the cluster, as this one sees it.
type Member struct {
	ID            string    `json:"id"`
	Incarnation   string    `json:"incarnation"`
	Address       string    `json:"address"`
	Version       string    `json:"version"`
	State         string    `json:"state"` // alive, suspect or dead
	Self          bool      `json:"self"`
	Started       time.Time `json:"started,omitzero"`
	LeaseUntil    time.Time `json:"leaseUntil,omitzero"` // by the backend's clock
	LeaseEndsInMS int64     `json:"leaseEndsInMs"`       // by this node's; off by what the clocks differ
}

// Backends are what a node talks to, and what it takes from Postgres.
type Backends struct {
	Backends []Backend `json:"backends"`
	Channels []Channel `json:"channels,omitempty"`
	Outbox   *Outbox   `json:"outbox,omitempty"` // nil: this node does not forward
}

// A Backend is how a node's way to a backend is.
type Backend struct {
	Backend string    `json:"backend"`
	State   string    `json:"state"` // healthy, broken or probing
	Since   time.Time `json:"since,omitzero"`
	Outage  uint64    `json:"outage"` // how many there were, with this one
	Reason  string    `json:"reason,omitempty"`
	URL     string    `json:"url,omitempty"`    // without secrets
	Conns   int       `json:"conns,omitempty"`  // of the pool, where that is known
	Busy    int       `json:"busy,omitempty"`   // of those in use
	Schema  string    `json:"schema,omitempty"` // of Postgres
}

// A Channel of Postgres' NOTIFY is taken by one node or by each.
type Channel struct {
	Name      string            `json:"name"`
	Leader    bool              `json:"leader"`    // one node takes its notifications
	Listening bool              `json:"listening"` // this node takes them
	Standby   bool              `json:"standby,omitempty"`
	Since     time.Time         `json:"since,omitzero"`
	Received  uint64            `json:"received"`
	Published uint64            `json:"published"`
	Dropped   map[string]uint64 `json:"dropped,omitempty"` // by reason
	Queued    int               `json:"queued"`
	Gaps      uint64            `json:"gaps,omitempty"` // times that some may have been missed
	LastError string            `json:"lastError,omitempty"`
	ErrorAt   time.Time         `json:"errorAt,omitzero"`
}

// An Outbox is how this node takes part in forwarding.
type Outbox struct {
	Leader    bool      `json:"leader"` // this one forwards
	Since     time.Time `json:"since,omitzero"`
	LastError string    `json:"lastError,omitempty"`
	ErrorAt   time.Time `json:"errorAt,omitzero"`
}

// Topics are those of this node.
type Topics struct {
	Awake    int      `json:"awake"` // whose actor is in memory
	Policies []Policy `json:"policies"`
}

// A Policy is what topics of a pattern do, in the words of the configuration.
type Policy struct {
	Match   string `json:"match"`
	History string `json:"history"` // how many events, or none
	Store   string `json:"store"`   // where: redis, postgres or memory
	TTL     string `json:"ttl"`
	Slow    string `json:"slow"`
	Idle    string `json:"idle"`
}
