package topic

import "time"

// message is what a topic's actor handles: commands are verbs, what happened is
// past tense.
type message interface{ Refuse(err error) }

type (
	// publish carries an event that is encoded but for its number.
	publish struct {
		event *Event
		id    string
		done  func(Receipt, error) // may be nil
		chain *Chain               // may be nil
	}

	// subscribe asks for a place among the receivers.
	subscribe struct {
		name    string
		sub     Subscription
		tries   int // reads of the Log that did not fit
		refused bool
	}

	// unsubscribe gives it up.
	unsubscribe struct {
		outlet   Outlet
		receiver any
	}

	// look tells the actor that the Log may hold what it has not seen.
	look struct{}

	// appended is the Log's answer to a batch.
	appended struct {
		batch  []*publish
		answer Appended
		err    error
	}

	// fetched is the Log's answer to "what is there after after?"
	fetched struct {
		after uint64
		asked Position // where the topic stood when the question was put
		early uint64   // the newest number that waited then
		page  Page
		err   error
	}

	// renewed tells that the Log gave the topic another epoch, or did not.
	renewed struct{ err error }

	// restored tells that the Relay lost frames since a moment. Release gives
	// back the right to look into the Log; it may be called more than once.
	restored struct {
		since   time.Time
		release func()
	}

	// followed tells that frames of other nodes arrive from now on.
	followed struct{ err error }

	// relayed is a frame from another node.
	relayed struct{ frame frame }

	// overdue tells that a hole did not close by itself, or that a backend
	// that failed may be asked again.
	overdue struct{}

	// sent tells that the relay took a batch of live events, or did not.
	sent struct {
		events int
		err    error
	}
)

// answer runs done once, also if a panic had it refused before.
func (m *publish) answer(r Receipt, err error) {
	if done := m.done; done != nil {
		m.done = nil
		m.failed(err)
		done(r, err)
	}
}

func (m *publish) Refuse(err error)  { m.answer(Receipt{}, refusal(err)) }
func (m *unsubscribe) Refuse(error)  {}
func (m *look) Refuse(error)         {}
func (m *appended) Refuse(err error) { failAll(m.batch, refusal(err)) }
func (m *fetched) Refuse(error)      {}
func (m *followed) Refuse(error)     {}
func (m *renewed) Refuse(error)      {}
func (m *restored) Refuse(error)     { m.release() }
func (m *relayed) Refuse(error)      {}
func (m *overdue) Refuse(error)      {}
func (m *sent) Refuse(error)         {}

// Refuse answers once. The actor may hold on to a subscribe that was refused
// because it panicked; it drops those when it starts again.
func (m *subscribe) Refuse(err error) {
	if !m.refused {
		m.refused = true
		m.sub.Outlet.Joined(m.name, m.sub.Receiver, Joined{Err: refusal(err)})
	}
}

// failAll answers each publisher that has not been answered.
func failAll(batch []*publish, err error) {
	for i, p := range batch {
		if p != nil {
			batch[i] = nil
			p.answer(Receipt{}, err)
		}
	}
}
