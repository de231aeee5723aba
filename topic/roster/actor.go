package roster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

const (
	// holeWait is how long a version may be on its way before the roster is read.
	holeWait = 50 * time.Millisecond
	// retryWait is how long a backend that failed is left alone.
	retryWait = time.Second
	// perReceiver is how long a change rests the roster for each receiver that is told
	// of it, up to maxPace, so that a crowd that comes or goes is told in few pieces.
	perReceiver = 4 * time.Microsecond
	minPace     = time.Millisecond
	maxPace     = 100 * time.Millisecond
	// maxWords bounds the words that wait for the Relay; more are refused.
	maxWords = 8192
)

// An actor is one roster on one node. The keeper runs its methods one at a time.
// What it decides is in state and local; nothing here waits.
type actor struct {
	r     *Rosters
	name  string // prefixed
	rules Rules
	face  Face
	view  View

	state state
	local local
	out   *topic.Fanout

	// The Store and the Relay.
	wrote     string  // epoch of the last batch
	calls     uint64  // batches that were written
	writing   bool    // a batch is with the Store
	pacing    bool    // paced is on its way; the next batch gathers until then
	lagging   []*mine // on the roster, but not yet on the one that is known
	following bool
	follows   bool // frames arrive
	loading   bool
	loads     uint64 // readings that were begun
	again     bool   // and the answer may be older than what is asked for
	asked     string // the epoch when it was asked
	resting   bool   // a backend failed; retry is on its way
	eager     bool   // somebody wants to hear of the failure at once
	behind    bool   // the roster that is known has to be read again, unless it has wants
	wants     moment
	hole      uint64 // a version that is there and did not come; a timer is on
	checking  bool
	shaky     int  // looks, one after the other, that have to find nothing: a batch may still take effect
	timed     bool // a look is on its way
	beating   bool
	timers    struct{ look, beat, retry, hole timer }
	orphans   map[string]bool // lives that no node had at the last look

	// Waiting until the roster is known.
	settling []*join
	watchers []*watch
	reads    []*read
	says     []*say

	talk talk
}

func (r *Rosters) newActor(name string) actors.Behavior[message] {
	a := &actor{r: r, name: r.cfg.Prefix + name, rules: r.cfg.Rules(name), face: r.cfg.Face(name)}
	a.out = topic.NewFanout(a.name)
	a.view.Name = a.name
	a.talk.sender = fmt.Sprintf("%s~%x", r.cfg.Node, time.Now().UnixNano())
	return a
}

func (a *actor) Start(c *actors.Context[message]) {
	if c.Restarts() == 0 {
		return
	}
	// What was in hand when it panicked is lost. All is asked for, and written, again.
	a.writing, a.loading, a.following, a.follows, a.resting, a.pacing = false, false, false, false, false, false
	a.checking, a.timed, a.beating, a.hole, a.again = false, false, false, 0, false
	a.calls++ // a batch that is still with the Store is not the one in hand any more
	a.talk.sending = false
	a.state.known = false
	for _, m := range a.local.keys {
		m.busy = false
	}
	a.local.doubtAll(false)
}

func (a *actor) Handle(c *actors.Context[message], m message) {
	switch m := m.(type) {
	case *join:
		a.settle(m)
	case *leave:
		a.leave(c, m)
	case *watch:
		a.watchers = append(a.watchers, m)
		a.admitWatchers()
	case *read:
		a.reads = append(a.reads, m)
	case *locals:
		m.reply.Send(a.sessions())
	case *say:
		a.says = append(a.says, m)
	case *relayed:
		a.relayed(c, m.frame)
	case *applied:
		a.applied(c, m)
	case *loaded:
		a.loaded(c, m)
	case *expired:
		a.local.expire(m.key, m.grace)
	case *said:
		a.said(c, m)
	default:
		a.housekeeping(c, m)
	}
}

// housekeeping handles what is not about members.
func (a *actor) housekeeping(c *actors.Context[message], m message) {
	switch m := m.(type) {
	case *followed:
		a.followed(c, m.err)
	case *restored:
		a.restored(c, m)
	case overdue:
		a.overdue(c, m.version)
	case retry:
		a.resting = false
	case paced:
		a.pacing = false
	case reborn:
		a.local.doubtAll(true)
	case reread:
		a.again = a.loading
		if a.state.known {
			a.load(c)
		}
	case check:
		a.lookWithin(c, m.after)
	case look:
		a.look(c, m)
	case *checked:
		a.checked(c, m)
	case *buriedOrphan:
		if m.err != nil {
			a.failed(c, "bury", m.err)
		}
	case beat:
		a.beat(c)
	}
}

// Flush asks for what is lacking and writes what has gathered.
func (a *actor) Flush(c *actors.Context[message]) {
	if a.needed() {
		a.ensure(c)
	}
	a.serve()
	if len(a.says) > 0 {
		a.ensure(c)
		a.serve()
	}
	a.write(c)
	if a.behind && a.r.local { // its answer is here already
		a.ensure(c)
	}
	a.admit()
	a.speak(c)
	if !a.inUse() {
		c.SetIdle(a.rules.Idle)
		return
	}
	c.SetIdle(-1)
	if !a.timed {
		a.timed = true
		every := a.r.cfg.CheckEvery
		a.timers.look.set(c, every-every/8+rand.N(every/4), look{timed: true})
	}
	if !a.beating && a.rules.Beat > 0 && a.out.Len() > 0 {
		a.beating = true
		a.timers.beat.set(c, a.rules.Beat, beat{})
	}
}

// Stop ends everybody who is or waits there.
func (a *actor) Stop(_ *actors.Context[message], reason error) {
	if a.following && a.r.cfg.Relay != nil {
		a.r.cfg.Relay.Unfollow(a.name)
	}
	for _, j := range a.settling {
		j.Refuse(reason)
	}
	for _, w := range a.watchers {
		w.Refuse(reason)
	}
	for _, r := range a.reads {
		r.Refuse(reason)
	}
	for _, s := range a.says {
		s.Refuse(reason)
	}
	a.r.m.members.Sub(float64(len(a.local.seats)))
	a.r.m.receivers.Sub(float64(a.out.Len()))
	for _, s := range a.local.seats {
		a.disappoint(s, reason)
		s.end(reason)
	}
	a.talk.end(reason)
	a.out.Close(reason)
}

// inUse reports whether the actor has to stay.
func (a *actor) inUse() bool {
	return len(a.local.keys) > 0 || a.out.Len() > 0 || a.needed()
}

// needed reports whether the roster has to be known.
func (a *actor) needed() bool {
	return len(a.local.keys)+len(a.settling)+len(a.watchers)+len(a.reads)+len(a.says)+a.out.Len()+a.shaky > 0
}

// beat sends what the Face has to say from time to time.
func (a *actor) beat(c *actors.Context[message]) {
	a.beating = false
	if a.state.known && a.out.Len() > 0 {
		a.out.Send(a.face.Mark(a.seen(), MarkBeat))
	}
}

// seen is the roster as the Face reads it.
func (a *actor) seen() *View {
	a.view.Version, a.view.Members, a.view.Rev = a.state.version, a.state.members, a.state.rev
	return &a.view
}

// failed notes that a backend failed, and has it asked again later.
func (a *actor) failed(c *actors.Context[message], what string, err error) {
	a.r.m.failures.Inc()
	c.Logger().Debug("roster call failed", "call", what, "topic", a.name, "err", err)
	a.eager = false // who wanted to know has been told, or waits with the others
	if !a.resting {
		a.resting = true
		a.timers.retry.set(c, retryWait+rand.N(retryWait/4), retry{})
	}
}

// A timer brings a message once. Setting it again ends what it was set to before, so
// that a restart does not leave two.
type timer struct{ stop func() }

func (t *timer) set(c *actors.Context[message], d time.Duration, m message) {
	if t.stop != nil {
		t.stop()
	}
	t.stop = c.After(d, m)
}
