package topic

import "time"

// NewEvent encodes an event that a part of the system sends beside the topics:
// presence, cursors, groups. The topic and the name must pass CheckName and
// CheckEvent, data must be valid JSON. Extra is written behind the data, such as
// `,"version":7`; it may be empty.
func NewEvent(topic, name string, data []byte, extra string) *Event {
	e := draft(topic, name, data)
	e.wire = append(e.wire, extra...)
	return e.seal(Position{}, time.Now())
}

// A DirectOutlet can hand something to one of its receivers alone, in the
// order of everything else that it is given of the same topic.
type DirectOutlet interface {
	Outlet
	// DeliverTo is Deliver for one receiver that has Joined.
	DeliverTo(topic string, receiver any, b *Batch)
}

// A Fanout is the receivers of something that reaches them as a topic does, and
// is none: a roster, a board of cursors. It belongs to one actor, and what it says
// of it comes in the order of the actor's calls. It is not safe for concurrent use.
type Fanout struct {
	name    string
	members map[Outlet]map[any]struct{}
	count   int
}

// NewFanout returns a Fanout without receivers. The name is the topic that
// receivers are told.
func NewFanout(name string) *Fanout { return &Fanout{name: name} }

// Len is how many receivers there are.
func (f *Fanout) Len() int { return f.count }

// Has reports whether a receiver is one of them.
func (f *Fanout) Has(o Outlet, receiver any) bool {
	_, ok := f.members[o][receiver]
	return ok
}

// Join tells the outlet how a receiver joined, and admits it unless j.Err refuses.
// A receiver that is there already is told, and stays.
func (f *Fanout) Join(o Outlet, receiver any, j Joined) {
	if j.Err == nil && !f.Has(o, receiver) {
		if f.members == nil {
			f.members = make(map[Outlet]map[any]struct{}, 1)
		}
		if f.members[o] == nil {
			f.members[o] = make(map[any]struct{}, 1)
		}
		f.members[o][receiver] = struct{}{}
		f.count++
	}
	o.Joined(f.name, receiver, j)
}

// Leave takes a receiver out and tells its outlet so, also if it was not there.
func (f *Fanout) Leave(o Outlet, receiver any) {
	if f.Has(o, receiver) {
		delete(f.members[o], receiver)
		f.count--
		if len(f.members[o]) == 0 {
			delete(f.members, o)
		}
	}
	o.Left(f.name, receiver)
}

// Send delivers a batch to all receivers. Without events or receivers it does
// nothing.
func (f *Fanout) Send(b *Batch) {
	if b == nil || len(b.Events) == 0 {
		return
	}
	for o := range f.members {
		o.Deliver(f.name, b)
	}
}

// SendTo delivers a batch to one receiver, and reports whether it could: it must
// have joined, through a DirectOutlet.
func (f *Fanout) SendTo(o Outlet, receiver any, b *Batch) bool {
	direct, ok := o.(DirectOutlet)
	if !ok || !f.Has(o, receiver) {
		return false
	}
	direct.DeliverTo(f.name, receiver, b)
	return true
}

// Empty takes all receivers out and tells their outlets so.
func (f *Fanout) Empty() {
	members := f.members
	f.members, f.count = nil, 0
	for o, receivers := range members {
		for r := range receivers {
			o.Left(f.name, r)
		}
	}
}

// Close ends all receivers with an error. The Fanout is empty afterwards.
func (f *Fanout) Close(err error) {
	for o := range f.members {
		o.Closed(f.name, err)
	}
	f.members, f.count = nil, 0
}
