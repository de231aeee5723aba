package cursor

import (
	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// message is what a board's actor handles: commands are verbs, what happened is past
// tense.
type message interface{ Refuse(err error) }

type (
	// moved tells that something waits in the inbox.
	moved struct{}

	// attach asks for a place among the receivers.
	attach struct {
		name     string
		outlet   topic.Outlet
		receiver any
		refused  bool
	}

	// detach gives it up.
	detach struct {
		outlet   topic.Outlet
		receiver any
	}

	// snapshot asks for the whole board, for one receiver.
	snapshot struct {
		outlet   topic.DirectOutlet
		receiver any
	}

	// lookUp asks for the cursors of the cluster.
	lookUp struct{ reply actors.Reply[[]Cursor] }

	// forget tells that a node is dead.
	forget struct{ life string }

	// recheck tells that the Store may have lost something, or the node has another life.
	recheck struct{}

	// quit tells that the node stops.
	quit struct{}

	// due is the board's timer.
	due struct{ timer uint64 }

	// followed tells that frames of other nodes arrive from now on, or that they do not.
	followed struct{ err error }

	// relayed is a frame from another node.
	relayed struct{ frame frame }

	// restored tells that the Relay may have lost frames.
	restored struct{}

	// sent tells that the Relay took a frame, or did not.
	sent struct {
		keys []string
		err  error
	}

	// saved tells that the Store took entries, or did not.
	saved struct {
		keys []string
		err  error
	}

	// loaded is what the Store has.
	loaded struct {
		entries []Entry
		err     error
	}

	// looked is what the Store had for somebody who asked.
	looked struct {
		reply   actors.Reply[[]Cursor]
		entries []Entry
		err     error
	}
)

func (m *moved) Refuse(error)      {}
func (m *detach) Refuse(error)     {}
func (m *snapshot) Refuse(error)   {}
func (m *lookUp) Refuse(err error) { m.reply.Fail(refusal(err)) }
func (m *forget) Refuse(error)     {}
func (m *recheck) Refuse(error)    {}
func (m *quit) Refuse(error)       {}
func (m *due) Refuse(error)        {}
func (m *followed) Refuse(error)   {}
func (m *relayed) Refuse(error)    {}
func (m *restored) Refuse(error)   {}
func (m *sent) Refuse(error)       {}
func (m *saved) Refuse(error)      {}
func (m *loaded) Refuse(error)     {}
func (m *looked) Refuse(err error) { m.reply.Fail(refusal(err)) }

// Refuse answers once. The actor may hold on to an attach that was refused because it
// panicked; it drops those when it starts again.
func (m *attach) Refuse(err error) {
	if !m.refused {
		m.refused = true
		m.outlet.Joined(m.name, m.receiver, topic.Joined{Err: refusal(err)})
	}
}
