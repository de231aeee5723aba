package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/topic"
)

// Node is what a gateway needs of the node it serves. The node of package
// cluster has it.
type Node interface {
	// ID names the node to clients.
	ID() string
	Topics() *topic.Topics
	// OnDrain asks for a call when the node drains.
	OnDrain(func(ctx context.Context) error)
}

// An Identity is who a client is. The zero Identity is anonymous.
type Identity struct {
	// ID is the same for all connections of one user, and "" for nobody in
	// particular. It scopes the ids of publishes.
	ID string

	// Roles are what Access asks for with role:NAME.
	Roles []string

	// Data is what the program wants to know of the user, as JSON.
	Data json.RawMessage

	// ExpiresAt is when the connection is closed with 4401. Zero: never.
	ExpiresAt time.Time
}

// Options of a Gateway. The zero Options work: anonymous clients of the same
// origin, who may subscribe to and publish on every topic.
//
// All hooks may be called by many goroutines at once. Those that get a Client
// run on its read loop, so that its frames take effect in order: while one runs,
// nothing else of that client is read. Their context ends after HookTimeout and
// when the gateway closes. A hook that panics, that fails with an error of its
// own, or that is too slow denies, is counted and logged, and harms nobody else.
type Options struct {
	// Authenticate says who sends an upgrade request. An error that wraps
	// ErrUnauthenticated is answered with 401, ErrForbidden with 403, any other
	// and a panic with 500; a call that is slower than HookTimeout with 504.
	// The error's text is never shown to the client.
	//
	// Defaults to letting everybody in as the zero Identity.
	Authenticate func(ctx context.Context, r *http.Request) (Identity, error)

	// CanSubscribe is asked before every subscribe and replay. nil allows;
	// Deny gives the reason that the client reads; ErrForbidden and
	// ErrUnauthenticated give FORBIDDEN and UNAUTHENTICATED.
	//
	// Defaults to allowing everything. See Access for rules by pattern.
	CanSubscribe func(ctx context.Context, c *Client, topic string) error

	// CanPublish is asked before every publish, with the same errors. data is
	// valid JSON and must not be changed; it may be kept.
	//
	// Defaults to allowing everything.
	CanPublish func(ctx context.Context, c *Client, topic, event string, data json.RawMessage) error

	// CanJoin is asked before a client joins a group in which it is not yet, with the
	// role that it would have, and the same errors.
	//
	// Defaults to allowing everything.
	CanJoin func(ctx context.Context, c *Client, group, role string) error

	// OnMessage gets binary messages and text that is not a frame of the
	// protocol. data is valid until it returns. An error that wraps
	// ErrForbidden closes the connection with 4403; others are logged.
	//
	// Defaults to answering `error` with UNKNOWN_FRAME.
	OnMessage func(ctx context.Context, c *Client, data []byte, binary bool) error

	// OnClose is called once per connection, when it has ended. code is the
	// close code, 1006 if there was none.
	OnClose func(ctx context.Context, c *Client, code int, subscriptions []string)

	// Origins are the values of the Origin header that may connect, such as
	// "https://app.example.com", or "*" for all.
	//
	// Defaults to the origin that the request itself is addressed to. A
	// request without Origin does not come from a page and is let through.
	Origins []string

	// AnyScript allows names of topics in every script, not just in ASCII.
	AnyScript bool

	// Limits bound what a client may cost.
	Limits Limits

	// PublishLimit names the node's limit of which a publish on a topic takes one, ""
	// for none. It is called for every publish, by many goroutines at once. A refused
	// publish is denied with RATE_LIMITED and retryAfterMs; while the limit can not
	// be asked, with UNAVAILABLE. It is taken before CanPublish is asked.
	//
	// Defaults to none.
	PublishLimit func(topic string) string

	// FrameLimit names the node's limit of which every message of a client takes
	// one. Beyond it the connection is closed with 4429; while the limit can not be
	// asked, messages are answered with `error` UNAVAILABLE and not obeyed.
	//
	// Defaults to none. Limits.FramesPerSecond counts as well, and costs nothing.
	FrameLimit string

	// UpgradeLimit names the node's limit, by address or identity, of which every
	// upgrade takes one. More are answered with 429; while the limit can not be
	// asked, with 503.
	//
	// Defaults to none. Limits.Upgrades counts as well, on this node.
	UpgradeLimit string

	// HookTimeout bounds each call of a hook.
	//
	// Defaults to 10 seconds.
	HookTimeout time.Duration

	// PingAfter is how long a client gets no frame before it is sent
	// {"type":"ping"}. Some clients reconnect after 150 s of silence.
	//
	// Defaults to 60 seconds.
	PingAfter time.Duration

	// IdleTimeout is after how long without a byte from the client the
	// connection is ended. Well before, the client is sent a WebSocket ping,
	// which every living one answers.
	//
	// Defaults to 120 seconds.
	IdleTimeout time.Duration

	// Shards is how many delivery loops share the connections. Fewer shards
	// gather more messages per write; the other cores read, number and encode.
	//
	// Defaults to half of GOMAXPROCS, at least 1.
	Shards int

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// Limits bound what clients may cost. Zero fields have their defaults.
type Limits struct {
	// MaxFrame is the greatest size of a message from a client, in bytes.
	// Beyond it the connection is closed with 1009.
	//
	// Defaults to 64 KiB.
	MaxFrame int

	// MaxTopics is how many topics one connection may follow, watches of presence
	// and groups included. More are denied with RATE_LIMITED.
	//
	// Defaults to 1,000.
	MaxTopics int

	// MaxQueued is how many bytes may wait for one connection before the
	// slow-consumer policy of the topic decides. What a client asked for itself,
	// answers and catch-ups, does not count; instead its frames are not read
	// while half as much of that waits.
	//
	// Defaults to 1 MiB.
	MaxQueued int

	// FramesPerSecond is how many messages one connection may send within a
	// second. Beyond it the connection is closed with 4429. -1 sets no limit.
	//
	// Defaults to 10,000.
	FramesPerSecond int

	// Connections is how many connections the node takes. Upgrades beyond it
	// are answered with 503. -1 sets no limit.
	//
	// Defaults to 100,000.
	Connections int

	// PerAddress is how many connections one address may have, loopback
	// excepted. Upgrades beyond it are answered with 429. -1 sets no limit.
	//
	// Defaults to -1, because many users may stand behind one address.
	PerAddress int

	// Upgrades is how many upgrades one address may try within UpgradeWindow,
	// loopback excepted. More are answered with 429. -1 sets no limit. Behind
	// a proxy, let a middleware set Request.RemoteAddr to the client's address.
	//
	// Defaults to 100 in 10 seconds.
	Upgrades      int
	UpgradeWindow time.Duration
}

func (o Options) withDefaults(shards int) Options {
	o.HookTimeout = cmp.Or(o.HookTimeout, 10*time.Second)
	o.PingAfter = cmp.Or(o.PingAfter, 60*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 120*time.Second)
	o.Shards = cmp.Or(o.Shards, shards)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &o.Limits
	l.MaxFrame = cmp.Or(l.MaxFrame, 64<<10)
	l.MaxTopics = cmp.Or(l.MaxTopics, 1000)
	l.MaxQueued = cmp.Or(l.MaxQueued, 1<<20)
	l.FramesPerSecond = cmp.Or(l.FramesPerSecond, 10_000)
	l.Connections = cmp.Or(l.Connections, 100_000)
	l.PerAddress = cmp.Or(l.PerAddress, -1)
	l.Upgrades = cmp.Or(l.Upgrades, 100)
	l.UpgradeWindow = cmp.Or(l.UpgradeWindow, 10*time.Second)
	return o
}

// faults returns everything that is wrong, each naming the field and the rule.
// Defaults have been filled in.
func (o Options) faults() error {
	var faults []error
	atLeast := func(name string, v, least int, off bool) {
		if v < least && !(off && v == -1) {
			hint := ""
			if off {
				hint = " (-1 sets no limit)"
			}
			faults = append(faults, fmt.Errorf("gateway: %s: must be at least %d%s, not %d", name, least, hint, v))
		}
	}
	positive := func(name string, d time.Duration) {
		if d <= 0 {
			faults = append(faults, fmt.Errorf("gateway: %s: must be positive, not %s", name, d))
		}
	}
	positive("HookTimeout", o.HookTimeout)
	positive("PingAfter", o.PingAfter)
	positive("IdleTimeout", o.IdleTimeout)
	atLeast("Shards", o.Shards, 1, false)
	l := o.Limits
	atLeast("Limits.MaxFrame", l.MaxFrame, 256, false)
	atLeast("Limits.MaxTopics", l.MaxTopics, 1, false)
	atLeast("Limits.MaxQueued", l.MaxQueued, 4096, false)
	atLeast("Limits.FramesPerSecond", l.FramesPerSecond, 1, true)
	atLeast("Limits.Connections", l.Connections, 1, true)
	atLeast("Limits.PerAddress", l.PerAddress, 1, true)
	atLeast("Limits.Upgrades", l.Upgrades, 1, true)
	positive("Limits.UpgradeWindow", l.UpgradeWindow)
	for _, origin := range o.Origins {
		if err := checkOrigin(origin); err != nil {
			faults = append(faults, fmt.Errorf("gateway: Origins: %w", err))
		}
	}
	return errors.Join(faults...)
}
