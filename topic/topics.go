package topic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
)

// DefaultTimeout is how long a topic waits for its Log or its Relay.
const DefaultTimeout = 5 * time.Second

// Config of Topics. System and Log are required.
type Config struct {
	System *actors.System
	Log    Log // of topics whose policy names none

	// Logs are further ones, by the name that Policy.Store has. Defaults to none.
	Logs map[string]Log

	// Relay carries events to other nodes. nil: there are none.
	Relay Relay

	// Node names this node to the others. It must be unique among them.
	//
	// Required with a Relay.
	Node string

	// Policies say how topics behave; the first match decides. A topic that
	// none matches has the default Policy.
	Policies []Policy

	// Timeout bounds each call of the Log and the Relay.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) validate() error {
	var faults []error
	if c.System == nil {
		faults = append(faults, errors.New("topic: config: system is required"))
	}
	if c.Log == nil {
		faults = append(faults, errors.New("topic: config: log is required"))
	}
	if c.Relay != nil && c.Node == "" {
		faults = append(faults, errors.New("topic: config: node is required with a relay"))
	}
	if c.Timeout < 0 {
		faults = append(faults, errors.New("topic: config: timeout must not be negative"))
	}
	for i, p := range c.Policies {
		for _, err := range p.WithDefaults().Faults() {
			faults = append(faults, &PolicyError{Index: i, Match: p.Match, Err: err})
		}
		if err := c.checkStore(p); err != nil {
			faults = append(faults, &PolicyError{Index: i, Match: p.Match, Err: err})
		}
	}
	return errors.Join(faults...)
}

// Topics is every topic of a node: an actor each, spawned on first use and
// retired when idle. All methods are safe for concurrent use.
type Topics struct {
	cfg          Config
	id           string
	keepings     map[string]*keeping // by Policy.Store
	maxFrame     int                 // of topics with history; beyond it other nodes read the Log
	ownHead      []byte              // how frames of this node begin
	policies     Policies
	metrics      *metrics
	keeper       *actors.Keeper[message]
	incarnations atomic.Uint64
	restores     restores
}

// Start checks the configuration and takes up work. The error joins everything
// that is wrong with it.
func Start(cfg Config) (*Topics, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Topics{cfg: cfg, id: cfg.Node}
	for _, p := range cfg.Policies {
		t.policies = append(t.policies, p.WithDefaults())
	}
	t.keepings = cfg.keepings()
	t.maxFrame = maxAppendBytes
	if r, ok := cfg.Relay.(BoundedRelay); ok {
		t.maxFrame = min(t.maxFrame, r.MaxFrame())
	}
	t.ownHead = appendText([]byte{frameVersion}, t.id)
	t.restores.init(func(name string, m *restored) (bool, error) { return t.keeper.TellExisting(name, m) })
	// Numbers of relay frames must not begin again where they were: an actor
	// of this process must not be taken for one of its predecessor.
	t.incarnations.Store(uint64(time.Now().UnixNano()))
	t.metrics = newMetrics(cfg.Registerer, t.policies)
	t.keeper = actors.NewKeeper(cfg.System, actors.Kind[message]{
		Name:      "topic",
		New:       t.newActor,
		IdleAfter: DefaultIdle,
	})
	return t, nil
}

// Close refuses what comes from now on, lets every topic finish what it has
// accepted, and ends its receivers. It returns when all are down or ctx ends.
func (t *Topics) Close(ctx context.Context) error { return t.keeper.Close(ctx) }

// Len is how many topics have an actor right now.
func (t *Topics) Len() int { return t.keeper.Len() }

// Policy returns how the topic behaves.
func (t *Topics) Policy(name string) Policy { return t.policies.For(name) }

// A Message is what is published.
type Message struct {
	Event string
	Data  []byte // JSON; empty means null. Handed over: do not change it afterwards
	ID    string // the same ID within the policy's Dedup is kept and delivered once; "" is never a duplicate

	// Checked tells that Data is known to be valid JSON in valid UTF-8, which
	// saves looking at it again.
	Checked bool

	// Chain keeps the order of what is posted when some of it fails. nil: each message is on its own.
	Chain *Chain
}

// A Receipt answers a publish.
type Receipt struct {
	Position  Position // zero in a topic without history
	Duplicate bool     // kept before, Position is the first one's; nothing was delivered now
}

// Publish sends a message to the topic and waits until the Log has it; without
// history, until the topic's actor has it. Errors: *InputError, ErrOverloaded,
// ErrClosed, ErrFailed, one that wraps ErrUnavailable, or the context's. After
// the last two it is unknown whether the message was kept: publish again with
// the same ID to be sure.
func (t *Topics) Publish(ctx context.Context, name string, m Message) (Receipt, error) {
	p, err := encode(name, m)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := actors.Ask(ctx, t.keeper, name, func(reply actors.Reply[Receipt]) message {
		p.done = func(r Receipt, err error) {
			if err != nil {
				reply.Fail(err)
				return
			}
			reply.Send(r)
		}
		return p
	})
	if err != nil {
		return Receipt{}, refusal(err)
	}
	return receipt, nil
}

// Post is Publish for callers that must not wait. It returns at once; done,
// which may be nil, runs exactly once with the answer, on the topic's goroutine,
// and must not block. If Post itself returns an error, done does not run.
// Messages that one goroutine posts to a topic keep their order.
func (t *Topics) Post(name string, m Message, done func(Receipt, error)) error {
	p, err := encode(name, m)
	if err != nil {
		return err
	}
	p.done = done
	return t.tell(name, p)
}

func (t *Topics) tell(name string, m message) error {
	if err := t.keeper.Tell(name, m); err != nil {
		t.metrics.of(t.Policy(name).Match).refused.Inc()
		return refusal(err)
	}
	return nil
}

// encode checks a message and lays it out as it will be sent. It runs on the
// publisher's goroutine, so that the actor does not spend time on it.
func encode(name string, m Message) (*publish, error) {
	if err := CheckName(name, true); err != nil {
		return nil, err
	}
	if err := CheckEvent(m.Event); err != nil {
		return nil, err
	}
	if len(m.ID) > maxID {
		return nil, &InputError{Field: "id", Rule: "must be at most 512 bytes long"}
	}
	if len(m.Data) > maxData {
		return nil, &InputError{Field: "data", Rule: "must be at most 16 MiB"}
	}
	if !m.Checked && len(m.Data) > 0 && !validJSON(m.Data) {
		return nil, &InputError{Field: "data", Rule: "must be JSON in UTF-8"}
	}
	return &publish{event: draft(name, m.Event, m.Data), id: m.ID, chain: m.Chain}, nil
}

// A Subscription is one receiver's wish to get what a topic sends.
type Subscription struct {
	Outlet   Outlet
	Receiver any // comes back in Joined and Left; compared with ==

	// Since asks for what was published after a position before going live.
	// nil: only what comes from now on. An empty Epoch fits every epoch.
	Since *Position
}

// Subscribe asks for a place among the receivers of the topic. It returns at
// once; the answer is Outlet.Joined. A receiver that subscribes again stays one
// receiver, and is given what it asks for with Since once more.
func (t *Topics) Subscribe(name string, s Subscription) error {
	if err := CheckName(name, true); err != nil {
		return err
	}
	return t.tell(name, &subscribe{name: name, sub: s})
}

// Unsubscribe ends it. The answer is Outlet.Left, also if there was nothing to
// end. It takes effect after every Subscribe that the same goroutine called
// before.
func (t *Topics) Unsubscribe(name string, o Outlet, receiver any) error {
	there, err := t.keeper.TellExisting(name, &unsubscribe{outlet: o, receiver: receiver})
	if err == nil && !there {
		o.Left(name, receiver)
	}
	return refusal(err)
}

// History is a stretch of a topic's past.
type History struct {
	Events    []*Event // consecutive, oldest first
	Truncated bool     // some of what was asked for is gone, or since is not a position of this topic
	Head      Position // where the topic stands
	Oldest    uint64   // the oldest number kept; Head.Seq+1 if there is none
}

// History returns what was published after since, at most limit events (0 or
// less: all there is). Of a position of another epoch, or beyond the newest, it
// returns all there is and says Truncated.
func (t *Topics) History(ctx context.Context, name string, since Position, limit int) (History, error) {
	policy, err := t.withHistory(name)
	if err != nil {
		return History{}, err
	}
	if limit <= 0 || limit > policy.History {
		limit = policy.History
	}
	page, err := t.read(ctx, name, since.Seq, limit, policy)
	if err != nil {
		return History{}, err
	}
	foreign := since.Epoch != "" && since.Epoch != page.Head.Epoch || since.Seq > page.Head.Seq
	if foreign && since.Seq > 0 {
		if page, err = t.read(ctx, name, 0, limit, policy); err != nil {
			return History{}, err
		}
	}
	h := History{Truncated: foreign || page.Oldest > since.Seq+1, Head: page.Head, Oldest: page.Oldest}
	for _, r := range page.Records {
		h.Events = append(h.Events, fromRecord(name, page.Head.Epoch, r))
	}
	t.metrics.of(policy.Match).past(len(h.Events), h.Truncated)
	return h, nil
}

// Head returns where the topic stands.
func (t *Topics) Head(ctx context.Context, name string) (Position, error) {
	policy, err := t.withHistory(name)
	if err != nil {
		return Position{}, err
	}
	page, err := t.read(ctx, name, 0, 0, policy)
	return page.Head, err
}

func (t *Topics) withHistory(name string) (Policy, error) {
	if err := CheckName(name, true); err != nil {
		return Policy{}, err
	}
	p := t.Policy(name)
	if !p.HasHistory() {
		return p, ErrNoHistory
	}
	return p, nil
}

func (t *Topics) read(ctx context.Context, name string, after uint64, limit int, p Policy) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	page, err := t.keepingOf(&p).log.Read(ctx, name, after, limit, p.retention())
	if err != nil {
		return Page{}, unavailable(name, "read", err)
	}
	return page, nil
}

// Policies returns a copy of what the topics were started with, defaults filled
// in.
func (t *Topics) Policies() []Policy { return slices.Clone(t.policies) }

const (
	maxID   = 512
	maxData = 16 << 20
)

func validJSON(b []byte) bool { return utf8.Valid(b) && json.Valid(b) }
