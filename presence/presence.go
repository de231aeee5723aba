package presence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// prefix begins the names under which receivers know presence.
const prefix = "__presence:"

// Name is the topic on which receivers hear who is on a topic.
func Name(topic string) string { return prefix + topic }

var (
	// ErrUnavailable is wrapped by errors that come from the Store or the Relay.
	ErrUnavailable = roster.ErrUnavailable

	// ErrOff answers for topics whose policy has no presence.
	ErrOff = errors.New("presence: the topic has none")
)

// Config of Presence. System and Store are required; most is described at
// roster.Config.
type Config struct {
	System *actors.System
	Store  roster.Store
	Relay  topic.Relay
	Node   string
	Life   func() string
	Alive  func(life string) bool

	// Policies say how presence works; the first match decides, and a topic that
	// none matches has none.
	//
	// Defaults to one that is on for all topics.
	Policies []Policy

	Timeout    time.Duration         // of each call of the Store and the Relay; defaults to 5 s
	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// Presence is who is on the topics of a cluster, as a node knows it. Methods are safe
// for concurrent use.
type Presence struct {
	rosters  *roster.Rosters
	policies policies
}

// Start takes up work. The error joins everything that is wrong with cfg.
func Start(cfg Config) (*Presence, error) {
	p := &Presence{}
	var faults []error
	if len(cfg.Policies) == 0 {
		cfg.Policies = []Policy{{}}
	}
	for i, policy := range cfg.Policies {
		policy = policy.WithDefaults()
		for _, err := range policy.Faults() {
			faults = append(faults, fmt.Errorf("presence: policies[%d].%w", i, err))
		}
		p.policies = append(p.policies, policy)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var err error
	p.rosters, err = roster.Start(roster.Config{
		System: cfg.System, Kind: "presence", Prefix: prefix, Store: cfg.Store, Relay: cfg.Relay, Node: cfg.Node,
		Life: cfg.Life, Alive: cfg.Alive, Rules: p.rules, Face: func(string) roster.Face { return &face{} },
		Timeout: cfg.Timeout, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("presence: %w", err)
	}
	return p, nil
}

func (p *Presence) rules(name string) roster.Rules {
	policy := p.policies.find(name)
	return roster.Rules{Grace: policy.Grace, Beat: policy.Heartbeat, Slow: topic.SlowDisconnect}
}

// Policy returns how presence works on a topic; Off if it does not.
func (p *Presence) Policy(name string) Policy { return *p.policies.find(name) }

// An Attendee is a session that enters a topic.
type Attendee struct {
	// Outlet and Receiver are where it hears of the others, and name the session.
	Outlet   topic.Outlet
	Receiver any

	Identity   string          // "" for nobody in particular
	Connection string          // what tells an anonymous session apart in the whole cluster; others see it
	Data       json.RawMessage // what is known of the user; Policy.Select decides what others see
}

// Enter has a session be a member, and sends it the roster, which has it: Joined,
// with the first state as what it missed. It returns at once. While the backend
// fails the session waits, and enters when it is back. Entering again with other data
// changes the member. An error, an *topic.InputError, ErrOff or one of package
// actors, means that nothing was done.
func (p *Presence) Enter(name string, a Attendee) error {
	key, value, err := p.admissible(name, a.Identity, a.Connection, a.Data)
	if err != nil {
		return err
	}
	return p.rosters.Post(name, roster.Session{
		Outlet: a.Outlet, Receiver: a.Receiver, Key: key, Value: value, Lasting: true}, nil)
}

// Exit ends what Enter or Watch began, and is answered by Left. The member leaves
// with his last session.
func (p *Presence) Exit(name string, o topic.Outlet, receiver any) error {
	return p.rosters.Leave(name, o, receiver, false)
}

// Watch sends a receiver the roster and what changes, without entering. Exit ends it.
func (p *Presence) Watch(name string, o topic.Outlet, receiver any) error {
	if err := p.allowed(name); err != nil {
		return err
	}
	return p.rosters.Watch(name, o, receiver)
}

// A Member is one user on a topic.
type Member struct {
	Key  string
	Data json.RawMessage // shared: do not change it
}

// List returns who is there, in the whole cluster, sorted by key.
func (p *Presence) List(ctx context.Context, name string) ([]Member, error) {
	v, err := p.read(ctx, name)
	if err != nil {
		return nil, err
	}
	all := make([]Member, 0, len(v.Members))
	for key, value := range v.Members {
		all = append(all, Member{key, value})
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// Count returns how many are there, in the whole cluster.
func (p *Presence) Count(ctx context.Context, name string) (int, error) {
	v, err := p.read(ctx, name)
	if err != nil {
		return 0, err
	}
	return len(v.Members), nil
}

func (p *Presence) read(ctx context.Context, name string) (*roster.View, error) {
	if err := p.allowed(name); err != nil {
		return nil, err
	}
	return p.rosters.Read(ctx, name)
}

// Clear empties a topic's roster: everybody's session ends, receivers get an empty
// state and are told by Left.
func (p *Presence) Clear(ctx context.Context, name string) error {
	if err := p.allowed(name); err != nil {
		return err
	}
	if err := p.rosters.Shut(ctx, name, time.Minute); err != nil {
		return fmt.Errorf("presence: clear %q: %w", name, err)
	}
	if err := p.rosters.Reopen(ctx, name); err != nil {
		return fmt.Errorf("presence: clear %q: %w", name, err)
	}
	return nil
}

// allowed judges a topic's name.
func (p *Presence) allowed(name string) error {
	if err := topic.CheckName(name, true); err != nil {
		return err
	}
	if topic.IsSystem(name) {
		return &topic.InputError{Field: "topic", Rule: "must not begin with " + topic.SystemPrefix}
	}
	if p.policies.find(name).Off {
		return ErrOff
	}
	return nil
}

func (p *Presence) admissible(name, identity, anonymous string, data json.RawMessage) (string, []byte, error) {
	if err := p.allowed(name); err != nil {
		return "", nil, err
	}
	return p.policies.find(name).member(identity, anonymous, data)
}

// Bury has the members leave that a dead node showed. It is idempotent.
func (p *Presence) Bury(ctx context.Context, life string) error { return p.rosters.Bury(ctx, life) }

// Reborn has all members of this node shown under its new life.
func (p *Presence) Reborn() { p.rosters.Reborn() }

// Recheck has every roster compare itself with the Store.
func (p *Presence) Recheck() { p.rosters.Recheck() }

// Len is how many rosters have an actor right now.
func (p *Presence) Len() int { return p.rosters.Len() }

// Close ends all receivers and has this node's members leave. An error means that
// others have to bury it.
func (p *Presence) Close(ctx context.Context) error { return p.rosters.Close(ctx) }
