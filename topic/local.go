package topic

import (
	"errors"
	"time"
)

// ErrHistory refuses what only topics without history can do.
var ErrHistory = errors.New("topic: keeps history")

// PostLocal is Post for receivers of this node only: nothing is relayed. It is for what every node
// learns by itself. The topic must have no history, else it fails with ErrHistory. Without receivers nothing
// is to be done, and done is called before PostLocal returns.
func (t *Topics) PostLocal(name string, m Message, done func(Receipt, error)) error {
	p, err := encode(name, m)
	if err != nil {
		return err
	}
	if t.policies.find(name).HasHistory() {
		return ErrHistory
	}
	p.done, p.event.local = done, true
	there, err := t.keeper.TellExisting(name, p)
	if err != nil {
		t.metrics.of(t.policies.find(name).Match).refused.Inc()
		return refusal(err)
	}
	if !there {
		p.answer(Receipt{}, nil)
	}
	return nil
}

// Names returns the names of topics that have an actor right now, as all have that have receivers, in no order.
func (t *Topics) Names() []string { return t.keeper.Keys() }

// Stale tells the topic's receivers of this node that events may have been missed since a moment; behind what the
// same goroutine posted to it before. It is for whoever feeds topics from elsewhere and was cut off. A topic with
// history numbered nothing then, and is told all the same. It returns at once; a topic whose mailbox is
// full is told as soon as it is not.
func (t *Topics) Stale(name string, since time.Time) {
	if _, err := t.keeper.TellExisting(name, &missed{since}); err != nil && refusal(err) == ErrOverloaded {
		time.AfterFunc(holeWait, func() { t.Stale(name, since) })
	}
}

// missed tells that somebody who feeds the topic was cut off since a moment.
type missed struct{ since time.Time }

func (m *missed) Refuse(error) {}

// forAllNodes leaves out what is for this one. Mostly that is nothing, and nothing is copied.
func forAllNodes(evs []*Event) (forAll []*Event) {
	for i, e := range evs {
		if e.local {
			forAll = append(forAll, evs[:i]...)
			for _, e := range evs[i:] {
				if !e.local {
					forAll = append(forAll, e)
				}
			}
			return forAll
		}
	}
	return evs
}
