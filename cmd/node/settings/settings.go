package settings

import (
	"log/slog"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// Settings is what a node runs with. Load fills it; every field is then within
// its bounds.
type Settings struct {
	// Listen is the address of the HTTP server, host:port. Port 0 takes a free
	// one.
	Listen string

	// Origins are the web origins whose pages may connect, beside the node's
	// own. "*" allows every page.
	Origins []string

	// AnyScript allows topic names of every script; otherwise they are ASCII.
	AnyScript bool

	// Redis is the URL of what makes this node one of a cluster; "" is none.
	// It may hold a password: show it by ShownRedis.
	Redis string

	// Postgres is the URL of the database that keeps history and that the bridge
	// listens to. Without Redis it makes this node one of a cluster too; without
	// both everything is in memory. It may hold a password: show it by
	// ShownPostgres.
	Postgres string

	// Schema is where Troupe's tables are in the database; "" is the one that is
	// made of Prefix.
	Schema string

	// PostgresConns bounds the pool of connections to the database.
	PostgresConns int

	// Prefix begins the keys and channels of the cluster in Redis.
	Prefix string

	// Replicas is how many replicas of Redis must have what is published
	// before it counts as kept.
	Replicas int

	// Memory is how many bytes the history of all topics may take. With Redis or
	// Postgres it is without effect.
	Memory Bytes

	// DrainTimeout bounds how long a gentle stop takes.
	DrainTimeout time.Duration

	Log     Log
	Gateway Gateway

	// JWT says how clients prove who they are. nil: nobody has to.
	JWT *JWT

	// APIKeys are those that callers of the HTTP API present. Without any, and
	// without JWT, programs on the node's own machine need none.
	APIKeys []httpapi.Key

	// Topics are tried in order; the first whose pattern fits a name decides.
	Topics []Topic

	// Groups are tried in order; a name that none fits is no group.
	Groups []group.Policy

	// Limits are what topics and the gateway refer to by name.
	Limits []ratelimit.Policy

	// Bridge needs Postgres.
	Bridge Bridge
}

// Log says what the node writes to standard error.
type Log struct {
	Level  slog.Level
	Format string // FormatAuto, FormatText or FormatJSON
}

// Values of Log.Format.
const (
	FormatAuto = "auto" // text on a terminal, JSON otherwise
	FormatText = "text"
	FormatJSON = "json"
)

// Gateway is what one client, one address and all of them together may take.
// -1 in a count means no limit.
type Gateway struct {
	Frame                 Bytes // one inbound frame
	Queue                 Bytes // what waits for one connection
	Topics                int   // topics per connection
	FramesPerSecond       int   // inbound frames per connection
	Connections           int   // on this node
	ConnectionsPerAddress int
	UpgradesPerAddress    int // within 10 seconds

	HookTimeout time.Duration // authentication and the access rules
	PingAfter   time.Duration // silence towards a client before a ping
	IdleTimeout time.Duration // silence of a client before it counts as gone

	FrameLimit   string // name of the limit for each frame of a client; "" for none
	UpgradeLimit string // and for each client that connects
}

// JWT says which tokens are believed and what is read from them.
type JWT struct {
	Keys       string // a JWKS URL, public keys in PEM form, file:PATH, or a shared secret
	Algorithms []string
	Audience   string
	Issuer     string
	Cookie     string   // name of a cookie that may carry the token; "" for none
	Identity   string   // claim that names the user
	Roles      string   // claim that lists the user's roles
	Data       []string // claims that other users may see
}

// Topic is a policy and who may use topics of it.
type Topic struct {
	Policy topic.Policy

	// Presence and Cursors are Off unless the file turns them on. They match as
	// Policy does, and leave what others see of a user to the default.
	Presence presence.Policy
	Cursors  cursor.Policy

	// Limit names the limit of which a publish takes a point, "" for none.
	Limit string

	// Store is what the file says keeps the history: StoreRedis, StorePostgres,
	// StoreMemory, or "" for Redis if there is one, else Postgres if there is one,
	// else memory.
	Store string

	// Subscribe and Publish list who may: anyone, authenticated, members (only
	// Publish), role:NAME, server or none. One that fits is enough.
	Subscribe []string
	Publish   []string
}

// Values of Topic.Store.
const (
	StoreRedis    = "redis"
	StorePostgres = "postgres"
	StoreMemory   = "memory"
)

// Who may subscribe or publish, in the words of the configuration file.
const (
	Anyone        = "anyone"
	Authenticated = "authenticated"
	Members       = "members"
	Server        = "server"
	Nobody        = "none"
	RolePrefix    = "role:"
)
