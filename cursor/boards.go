package cursor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// DefaultTimeout is how long a board waits for its Store or its Relay.
const DefaultTimeout = 5 * time.Second

// Bounds of a board, across all nodes. A position is bounded by its policy.
const (
	MaxCursors    = 10_000
	MaxBoardBytes = 8 << 20 // users and positions together
	MaxKey        = 256     // bytes of a cursor's key, at least 1
	MaxUser       = 16 << 10
	maxData       = 64 << 10
)

// Config of Boards. System is required; Store and Node are with a Relay.
type Config struct {
	System *actors.System

	// Store keeps what nodes may have missed. Without a Relay it is not used.
	Store Store

	// Relay carries moves to other nodes. nil: there are none.
	Relay topic.Relay

	// Node names this node to those that share the Relay. It must be unique among them.
	Node string

	// Life is the node's present life in the cluster, without a space: another one after
	// each time that the node was taken for dead; Recheck tells the others then. It is called
	// often.
	//
	// Defaults to Node.
	Life func() string

	// Policies say how topics behave; the first match decides, and a topic that none
	// matches has no cursors. Without any, every topic has them.
	Policies []Policy

	// Timeout bounds each call of the Store and the Relay.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c *Config) complete() error {
	var faults []error
	if c.System == nil {
		faults = append(faults, errors.New("cursor: config: system is required"))
	}
	if c.Relay != nil && (c.Store == nil || c.Node == "") {
		faults = append(faults, errors.New("cursor: config: store and node are required with a relay"))
	}
	if c.Timeout < 0 {
		faults = append(faults, errors.New("cursor: config: timeout must not be negative"))
	}
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	if c.Life == nil {
		life := cmp.Or(c.Node, "alone")
		c.Life = func() string { return life }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(faults...)
}

// Boards is every board of cursors of a node: an actor for each topic whose cursors move or
// are watched there. Methods are safe for concurrent use.
type Boards struct {
	cfg      Config
	policies policies
	metrics  *metrics
	keeper   *actors.Keeper[message]
	inboxes  inboxes
	ownHead  []byte        // how frames of this node begin
	clock    clock         // numbers changes
	dead     obituary      // lives that were forgotten
	loading  chan struct{} // a token for each Load under way
	cursors  atomic.Int64
}

// maxLoading bounds how many boards read the Store at once: after an outage all do.
const maxLoading = 64

// Start checks the configuration and takes up work. The error joins everything that is
// wrong with it.
func Start(cfg Config) (*Boards, error) {
	ps, err := newPolicies(cfg.Policies)
	if err = errors.Join(cfg.complete(), err); err != nil {
		return nil, err
	}
	b := &Boards{cfg: cfg, policies: ps, loading: make(chan struct{}, maxLoading)}
	b.ownHead = appendHead(nil, cfg.Node)
	b.metrics = newMetrics(cfg.Registerer, ps, b)
	b.keeper = actors.NewKeeper(cfg.System, actors.Kind[message]{Name: "cursor", New: b.newActor})
	return b, nil
}

// Name is the topic that receivers are told for the cursors of a topic.
func Name(of string) string { return prefix + of }

const prefix = "__cursor:"

// Policy returns how the cursors of a topic behave: Off if it has none.
func (b *Boards) Policy(of string) Policy { return *b.policies.find(of) }

// Attach lets a receiver see the cursors of a topic. It returns at once; the answer is
// Outlet.Joined with the name of Name, with the event `snapshot` among what it missed.
// The error is ErrOff, ErrOverloaded or ErrClosed, or an *InputError; the Outlet is told
// nothing then.
func (b *Boards) Attach(of string, o topic.Outlet, receiver any) error {
	if err := b.check(of); err != nil {
		return err
	}
	return refusal(b.keeper.Tell(of, &attach{name: Name(of), outlet: o, receiver: receiver}))
}

// Detach ends it. The answer is Outlet.Left, also if there was nothing to end. It does
// not remove the receiver's own cursor: see Remove.
func (b *Boards) Detach(of string, o topic.Outlet, receiver any) error {
	there, err := b.keeper.TellExisting(of, &detach{outlet: o, receiver: receiver})
	if err == nil && !there {
		o.Left(Name(of), receiver)
	}
	return refusal(err)
}

// Snapshot gives one receiver that is attached the whole board, as the event `snapshot`,
// in order with everything else. Others are given nothing.
func (b *Boards) Snapshot(of string, o topic.DirectOutlet, receiver any) error {
	_, err := b.keeper.TellExisting(of, &snapshot{outlet: o, receiver: receiver})
	return refusal(err)
}

// A Cursor is what is shown of one.
type Cursor struct {
	Key  string          `json:"key"`
	User json.RawMessage `json:"user"`
	Data json.RawMessage `json:"data"`
}

// List returns the cursors of the whole cluster, sorted by key. The error is ErrOff, an
// *InputError, ErrOverloaded, ErrClosed, ErrFailed, that of ctx, or wraps ErrUnavailable.
func (b *Boards) List(ctx context.Context, of string) ([]Cursor, error) {
	if err := b.check(of); err != nil {
		return nil, err
	}
	list, err := actors.Ask(ctx, b.keeper, of, func(reply actors.Reply[[]Cursor]) message {
		return &lookUp{reply: reply}
	})
	return list, refusal(err)
}

// check tells whether a topic can have cursors.
func (b *Boards) check(of string) error {
	if err := topic.CheckName(of, true); err != nil {
		if in, ok := errors.AsType[*topic.InputError](err); ok {
			return &InputError{Field: "topic", Rule: in.Rule}
		}
		return err
	}
	if b.policies.find(of).Off {
		return ErrOff
	}
	return nil
}

// Forget has the cursors of a dead node vanish at once, and what still comes of that life
// be ignored. Every node calls it that learns of the death. The node itself lives on under
// another life.
func (b *Boards) Forget(life string) {
	b.dead.add(life, time.Now())
	b.keeper.Broadcast(&forget{life: life})
}

// Recheck is for whoever learns that the Store may have lost something, or that this node
// has another life: every board writes and relays its cursors anew, and reads the others'.
// It returns at once.
func (b *Boards) Recheck() { b.keeper.Broadcast(&recheck{}) }

// Len is how many boards have an actor right now.
func (b *Boards) Len() int { return b.keeper.Len() }

// Close removes what moved on this node, and ends all receivers. It returns when all is
// down or ctx ends; what others then still see of this node expires.
func (b *Boards) Close(ctx context.Context) error {
	b.keeper.Broadcast(&quit{})
	return b.keeper.Close(ctx)
}
