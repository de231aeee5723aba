package roster

import (
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// message is what a roster's actor handles: commands are verbs, what happened is
// past tense.
type message interface{ Refuse(err error) }

type (
	// join makes a session, or changes it.
	join struct {
		name    string // prefixed
		session Session
		done    func(error)
	}

	// leave ends a session, and a watch.
	leave struct {
		outlet   topic.Outlet
		receiver any
		now      bool
		undo     *join // only what this one made
	}

	// watch gives a receiver the roster.
	watch struct {
		name     string
		outlet   topic.Outlet
		receiver any
	}

	// read asks for the roster, locals for the sessions of this node.
	read   struct{ reply actors.Reply[*View] }
	locals struct{ reply actors.Reply[[]Session] }

	// say is a Word from this node.
	say struct {
		word Word
		done func(error)
		load uint64 // the reading of a closed roster that it waits for
	}

	// reborn tells that the node has another life, check that the Store may have
	// what we do not know: look at it within a time, so that not all do at once.
	reborn struct{}
	reread struct{}
	check  struct{ after time.Duration }
	look   struct {
		timed, whole bool
		counts       int // how often to try to count our members once nothing is under way
	}

	// applied is the Store's answer to a batch.
	applied struct {
		batch  []*mine
		ops    []Op
		call   uint64
		life   string
		answer Applied
		err    error
	}

	// loaded is the Store's answer to "who is there?"
	loaded struct {
		snapshot Snapshot
		err      error
	}

	// checked is its answer to "where do you stand?". At is what was known, and
	// calls how many batches had been written, when it was asked.
	checked struct {
		standing Standing
		at       moment
		calls    uint64
		life     string
		look     look
		err      error
	}

	// followed tells that frames of other nodes arrive from now on.
	followed struct{ err error }

	// relayed is a frame, restored tells that some may be lost.
	relayed  struct{ frame frame }
	restored struct{ since time.Time }

	// said tells that the Relay took words, or did not.
	said struct {
		words []*say
		err   error
	}

	// overdue tells that a hole in the versions may be given up, retry that a
	// backend that failed may be asked again, paced that the next batch may go, beat that a Face may have something.
	overdue struct{ version uint64 }
	retry   struct{}
	paced   struct{}
	beat    struct{}

	// expired ends a member's grace, if it is still the same one.
	expired struct {
		key   string
		grace uint64
	}

	// buriedOrphan is the answer to dropping what an unknown life showed.
	buriedOrphan struct{ err error }
)

func (m *join) Refuse(err error) {
	if m.done != nil {
		m.done(err)
	}
	if m.session.Outlet != nil {
		m.session.Outlet.Joined(m.name, m.session.Receiver, topic.Joined{Err: err})
	}
}

func (m *watch) Refuse(err error) {
	m.outlet.Joined(m.name, m.receiver, topic.Joined{Err: err})
}

func (m *say) Refuse(err error) { m.done(err) }

func (m *read) Refuse(err error)   { m.reply.Fail(err) }
func (m *locals) Refuse(err error) { m.reply.Fail(err) }

func (m *said) Refuse(err error) {
	for _, w := range m.words {
		w.Refuse(err)
	}
}

func (*leave) Refuse(error)        {}
func (reborn) Refuse(error)        {}
func (reread) Refuse(error)        {}
func (check) Refuse(error)         {}
func (look) Refuse(error)          {}
func (*applied) Refuse(error)      {}
func (*loaded) Refuse(error)       {}
func (*checked) Refuse(error)      {}
func (*followed) Refuse(error)     {}
func (*relayed) Refuse(error)      {}
func (*restored) Refuse(error)     {}
func (overdue) Refuse(error)       {}
func (retry) Refuse(error)         {}
func (paced) Refuse(error)         {}
func (beat) Refuse(error)          {}
func (expired) Refuse(error)       {}
func (*buriedOrphan) Refuse(error) {}

// answer makes a reply of done.
func answer(reply actors.Reply[struct{}]) func(error) {
	return func(err error) {
		if err != nil {
			reply.Fail(err)
			return
		}
		reply.Send(struct{}{})
	}
}
