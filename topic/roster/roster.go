package roster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// Defaults of a Config.
const (
	DefaultTimeout    = 5 * time.Second
	DefaultCheckEvery = time.Minute
)

// Config of Rosters. System, Kind, Store and Face are required.
type Config struct {
	System *actors.System

	// Kind names the actors and begins the metrics: "presence".
	Kind string

	// Prefix is put before a roster's name to make the one that the Store, the
	// Relay and receivers know: "__presence:".
	Prefix string

	Store Store

	// Relay brings what other nodes' Stores send. nil: there are none.
	Relay topic.Relay

	// Node names this node in frames. It must be unique among those that share a
	// Relay, and have no space.
	Node string

	// Life is the node's present life in the Store: no space, another one after each
	// time that the node was taken for dead. It is called often.
	//
	// Defaults to Node.
	Life func() string

	// Alive reports whether a life is one of the cluster's. What a life shows that
	// is not, and was not a check earlier, is dropped.
	//
	// Defaults to taking all for alive.
	Alive func(life string) bool

	// Rules and Face are asked once for each actor.
	Rules func(name string) Rules
	Face  func(name string) Face

	// Timeout bounds each call of the Store and the Relay.
	//
	// Defaults to DefaultTimeout.
	Timeout time.Duration

	// CheckEvery is how often a roster in use compares itself with the Store. What
	// it finds would otherwise be noticed by the next change.
	//
	// Defaults to DefaultCheckEvery.
	CheckEvery time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// Rules of one roster.
type Rules struct {
	Max   int           // members, 0 for no bound
	Grace time.Duration // how long a member without sessions stays, for it to come back
	Idle  time.Duration // how long the actor stays without use, 0 for 30 s
	Words bool          // something may be said (see Say), so that a loss has to be announced as `stale`
	Slow  topic.Slow    // what becomes of a receiver that is too slow

	// Beat is how often Face.Beat is asked for something to send, 0 for never.
	Beat time.Duration
}

// A Face turns what happens on a roster into what receivers are sent. It belongs to
// one actor. Events carry the roster's prefixed name as their topic. Slices and
// values that it is given must not be changed or kept.
type Face interface {
	// State is what a receiver is sent first, and all when changes were missed: the
	// whole roster. Key is the member for whom it is, "" for all. The result may be
	// shared if it does not depend on key.
	State(v *View, key string) *topic.Batch

	// Diff is what receivers are sent when the roster has changed. View is the
	// roster after it; each Change comes with the value from before it.
	Diff(v *View, changes []Moved) *topic.Batch

	// Word is how something reads that was said on the roster.
	Word(w Word) *topic.Batch

	// Mark is what else there is to say: that the roster was closed, or a beat. nil
	// for nothing.
	Mark(v *View, m Mark) *topic.Batch
}

// A Mark is an occasion for a Face to say something.
type Mark uint8

// Marks.
const (
	MarkClosed Mark = iota
	MarkBeat
)

// A View is a roster as an actor knows it.
type View struct {
	Name    string // prefixed
	Version uint64
	Members map[string][]byte
	Rev     uint64 // another one whenever Members changed
}

// A Moved is a Change that knows what was before.
type Moved struct {
	Change
	Before []byte // nil: it was not on the roster
}

// A Word is something said to those on a roster.
type Word struct {
	Tag   string // only sessions with this tag hear it, "" for all
	Key   string // only sessions of this member, "" for all
	Event string
	Data  []byte // JSON
}

// A Session is one reason for a member to be on the roster: a connection, or a part
// of the program. A member with several sessions on a node has the value of the
// newest.
type Session struct {
	// Outlet and Receiver are where the session hears of the roster. Together they
	// name it: joining again under the same name changes the session. Outlet nil: it
	// hears nothing, and Receiver alone is its name, such as a pointer.
	Outlet   topic.Outlet
	Receiver any

	Key   string
	Value []byte // JSON, as the Face reads it. Immutable
	Tag   string // see Word; a matter of this node alone

	// Settle, if there is one, makes Value and Tag when the roster is known: now is
	// what the member's value is, nil if it is not on the roster. The join waits for
	// that, unless it is Lasting. It runs on the actor and must not block.
	Settle func(now []byte) (value []byte, tag string)

	// Ended, if there is one, is told that the session ended though nobody had it
	// leave, and was a member before: ErrClosed, a *FullError if its place was lost,
	// or why the actor stopped. It runs on the actor and must not block.
	Ended func(err error)

	// Lasting keeps a session whose join failed for want of a backend: its member
	// appears once there is one again. Otherwise the failed join leaves no trace.
	Lasting bool
}

// FullError refuses a join: the roster has as many members as it may.
type FullError struct{ Max int }

func (e *FullError) Error() string { return fmt.Sprintf("roster: full with %d members", e.Max) }

// ErrUnavailable is wrapped by errors that come from the Store or the Relay.
var ErrUnavailable = errors.New("roster: backend unavailable")

// ErrAbsent answers what needs a session, or a member, that is not there.
var ErrAbsent = errors.New("roster: not a member")

// Rosters is every roster of a kind on a node: an actor each. Methods are safe for
// concurrent use.
type Rosters struct {
	cfg    Config
	m      *metrics
	keeper *actors.Keeper[message]
	local  bool // the Store does no I/O
}

// A LocalStore is a Store whose calls return at once. Rosters call it from the
// actor itself.
type LocalStore interface {
	Store
	// Local is a mark; it does nothing.
	Local()
}

// Start takes up work.
func Start(cfg Config) (*Rosters, error) {
	if cfg.System == nil || cfg.Kind == "" || cfg.Store == nil || cfg.Face == nil || cfg.Relay != nil && cfg.Node == "" {
		return nil, errors.New("roster: config: system, kind, store and face are required, node with a relay")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.CheckEvery = cmp.Or(cfg.CheckEvery, DefaultCheckEvery)
	if cfg.Life == nil {
		life := cmp.Or(cfg.Node, "alone")
		cfg.Life = func() string { return life }
	}
	if cfg.Alive == nil {
		cfg.Alive = func(string) bool { return true }
	}
	if cfg.Rules == nil {
		cfg.Rules = func(string) Rules { return Rules{} }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Rosters{cfg: cfg, m: newMetrics(cfg.Registerer, cfg.Kind)}
	_, r.local = cfg.Store.(LocalStore)
	r.keeper = actors.NewKeeper(cfg.System, actors.Kind[message]{Name: cfg.Kind, New: r.newActor, MaxQueue: 1 << 16})
	return r, nil
}

// Post has a session join and tells done how it went, from the actor: done must not
// block. The session's Outlet, if it has one, is told by Joined, with the roster as
// the first thing it missed; that may be later, or never if Lasting waits for the
// backend; then done is told nil, and the Outlet once the roster is known. An
// error of Post itself, after which done is not called, is actors.ErrFull or
// actors.ErrClosed.
func (r *Rosters) Post(name string, s Session, done func(error)) error {
	return r.keeper.Tell(name, &join{name: r.cfg.Prefix + name, session: s, done: done})
}

// Join is Post for a caller that can wait: it returns when the member is on the
// roster for all to see. The error is a *FullError, ErrClosed, or wraps
// ErrUnavailable, or is the context's; the session is then not there, unless it is
// Lasting or was there before: of that one the change may still come about.
func (r *Rosters) Join(ctx context.Context, name string, s Session) error {
	j := &join{name: r.cfg.Prefix + name, session: s}
	_, err := actors.Ask(ctx, r.keeper, name, func(reply actors.Reply[struct{}]) message {
		j.done = answer(reply)
		return j
	})
	if err != nil && ctx.Err() != nil && !s.Lasting {
		// A closed keeper has nobody to take out.
		_ = r.keeper.Tell(name, &leave{outlet: s.Outlet, receiver: s.Receiver, now: true, undo: j})
	}
	return err
}

// Leave ends a session and returns at once. Its Outlet is told by Left. The member
// leaves with its last session, when Grace has passed; during an outage, when the
// backend is back. Now takes it off without Grace.
func (r *Rosters) Leave(name string, o topic.Outlet, receiver any, now bool) error {
	return r.keeper.Tell(name, &leave{outlet: o, receiver: receiver, now: now})
}

// Watch gives a receiver the roster, and from then on what changes, without joining.
// It ends with Leave.
func (r *Rosters) Watch(name string, o topic.Outlet, receiver any) error {
	return r.keeper.Tell(name, &watch{name: r.cfg.Prefix + name, outlet: o, receiver: receiver})
}

// Read returns the roster of the whole cluster. It is the caller's to keep but not to change.
func (r *Rosters) Read(ctx context.Context, name string) (*View, error) {
	return actors.Ask(ctx, r.keeper, name, func(reply actors.Reply[*View]) message {
		return &read{reply: reply}
	})
}

// Local returns the sessions that joined on this node.
func (r *Rosters) Local(ctx context.Context, name string) ([]Session, error) {
	return actors.Ask(ctx, r.keeper, name, func(reply actors.Reply[[]Session]) message {
		return &locals{reply: reply}
	})
}

// Say sends something to the sessions on the roster, on all nodes: in order for each
// node that says, at most once. It returns when the Relay has it. With a Key that is
// not on the roster it answers ErrAbsent, on a closed roster ErrClosed.
func (r *Rosters) Say(ctx context.Context, name string, w Word) error {
	_, err := actors.Ask(ctx, r.keeper, name, func(reply actors.Reply[struct{}]) message {
		return &say{word: w, done: answer(reply)}
	})
	return err
}

// Shut closes a roster for a time; see Closer. All sessions end: receivers get what
// the Face says of MarkClosed, and are told by Left.
func (r *Rosters) Shut(ctx context.Context, name string, keep time.Duration) error {
	closer, ok := r.cfg.Store.(Closer)
	if !ok {
		return fmt.Errorf("roster: close %q: the store can not: %w", name, errors.ErrUnsupported)
	}
	if err := closer.Close(ctx, r.cfg.Prefix+name, keep); err != nil {
		return err
	}
	r.reread(name)
	return nil
}

// Reopen lets a closed roster be used again; see Closer.
func (r *Rosters) Reopen(ctx context.Context, name string) error {
	closer, ok := r.cfg.Store.(Closer)
	if !ok {
		return fmt.Errorf("roster: reopen %q: the store can not: %w", name, errors.ErrUnsupported)
	}
	if err := closer.Reopen(ctx, r.cfg.Prefix+name); err != nil {
		return err
	}
	r.reread(name)
	return nil
}

// reread has a roster that is in use look at the Store: no frame tells of a Reopen,
// and without a Relay none of a Close.
func (r *Rosters) reread(name string) {
	_, _ = r.keeper.TellExisting(name, reread{}) // a full actor looks once a minute anyway
}

// Bury drops what a dead node showed. It is idempotent.
func (r *Rosters) Bury(ctx context.Context, life string) error {
	r.m.buried.Inc()
	return r.cfg.Store.Bury(ctx, life)
}

// Reborn has every roster show its members anew, under the present life.
func (r *Rosters) Reborn() { r.keeper.Broadcast(reborn{}) }

// Recheck has every roster compare itself with the Store, as after an outage.
func (r *Rosters) Recheck() { r.keeper.Broadcast(check{r.spread()}) }

// spread is the time over which all rosters do something, so that the Store gets
// no more than about 50,000 calls a second of it.
func (r *Rosters) spread() time.Duration {
	return time.Duration(r.keeper.Len()) * 20 * time.Microsecond
}

// Len is how many rosters have an actor right now.
func (r *Rosters) Len() int { return r.keeper.Len() }

// Close lets rosters finish what they have begun, ends their receivers and drops
// what this node shows. An error means that others have to bury it.
func (r *Rosters) Close(ctx context.Context) error {
	err := r.keeper.Close(ctx)
	if bury := r.cfg.Store.Bury(ctx, r.cfg.Life()); bury != nil {
		err = errors.Join(err, fmt.Errorf("roster: leave: %w", bury))
	}
	return err
}
