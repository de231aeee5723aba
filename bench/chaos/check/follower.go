package check

import "fmt"

// A follower derives from a record what its client knew, topic by topic.
type follower struct {
	checker *Checker
	client  string
	topics  map[string]*following
	reading bool            // the history from its beginning, which may be gone
	broken  map[string]bool // backends, as told on this connection
}

// following is one topic of a follower.
type following struct {
	epoch  string
	seq    uint64 // everything up to it was had, or announced as gone
	first  uint64 // the first that can have been had
	head   uint64 // where the topic stood when it was last joined
	past   map[string]struct{}
	joined bool // on this connection
	owed   bool // the server has said that it stands elsewhere: an announcement must come next
}

func (f *follower) see(l Line) {
	switch l.Kind {
	case Connected:
		for _, at := range f.topics {
			at.joined, at.owed = false, false
		}
		f.broken = make(map[string]bool)
	case Joined:
		f.join(l)
	case Degraded, Recovered:
		f.health(l)
	case Left, Event, Truncated, Stale:
		at := f.topics[l.Topic]
		if at == nil || !at.joined {
			f.fault(l, "without a subscription")
			return
		}
		f.follow(at, l)
	default:
		f.fault(l, "in the record of a subscriber")
	}
}

// health proves that an outage is told once, and so is its end.
func (f *follower) health(l Line) {
	if broken := l.Kind == Degraded; f.broken[l.Topic] == broken {
		f.fault(l, "was told so already")
	}
	if f.broken != nil {
		f.broken[l.Topic] = l.Kind == Degraded
	}
}

func (f *follower) fault(l Line, why string) {
	f.checker.fault("%s: %q: %s", f.client, l.text(), why)
}

func (l Line) text() string {
	b := l.Append(nil)
	return string(b[:len(b)-1])
}

func (f *follower) join(l Line) {
	at := f.topics[l.Topic]
	if at == nil {
		at = &following{epoch: l.Epoch, seq: l.Since, past: make(map[string]struct{})}
		if l.SinceEpoch == Live {
			at.seq = l.Seq
		}
		at.first = at.seq + 1
		f.topics[l.Topic] = at
	} else if l.SinceEpoch != at.epoch || l.Since != at.seq {
		f.fault(l, "had "+at.text()+" and asked for something else")
	}
	at.joined, at.head = true, l.Seq
	at.owed = l.Epoch != at.epoch || l.Seq < at.seq
}

func (f *follower) follow(at *following, l Line) {
	switch l.Kind {
	case Left:
		at.joined, at.owed = false, false
	case Stale:
		f.fault(l, "a loss without numbers, in a topic that has them")
	case Truncated:
		f.truncated(at, l)
	case Event:
		f.event(at, l)
	}
}

func (f *follower) event(at *following, l Line) {
	switch {
	case at.owed:
		f.fault(l, "had "+at.text()+", which the server does not know, and was not told of the loss")
		at.owed = false
	case l.Seq <= at.seq:
		f.fault(l, "had "+at.text()+" already")
		return
	case l.Seq > at.seq+1:
		f.fault(l, "had only "+at.text()+" and was not told of the loss")
	}
	at.seq = l.Seq
	f.checker.place(f.client, l.Topic, at.epoch, l.Seq, l.ID)
}

func (f *follower) truncated(at *following, l Line) {
	if l.Since != at.seq {
		f.fault(l, "had "+at.text()+", not what it names")
	}
	if l.Oldest == 0 || l.Oldest > l.Seq+1 {
		f.fault(l, "its numbers contradict each other")
	}
	f.allowed(at, l)
	if l.Epoch != at.epoch {
		at.past[at.epoch] = struct{}{}
	} else if l.Oldest > at.seq && !f.reading {
		f.checker.verdict.Missed += int(l.Oldest - 1 - at.seq)
	}
	if f.reading {
		at.first = l.Oldest
	}
	at.epoch, at.seq, at.owed = l.Epoch, max(l.Oldest, 1)-1, false
}

// allowed tells whether there was something to announce.
func (f *follower) allowed(at *following, l Line) {
	_, back := at.past[l.Epoch]
	kept := f.checker.options.Kept
	switch {
	case back:
		f.fault(l, "went back to an epoch that was over, from "+at.text())
	case l.Epoch == at.epoch && l.Seq < at.seq:
		f.fault(l, "the numbering went back within an epoch, from "+at.text())
	case l.Epoch == at.epoch && l.Oldest <= at.seq+1:
		f.fault(l, "announces a loss where nothing is missing after "+at.text())
	case l.Epoch == at.epoch && l.Oldest-1+kept > l.Seq:
		f.fault(l, "announces a loss of what the log has to have")
	case f.checker.options.Lossless && l.Epoch != at.epoch:
		f.fault(l, "a new epoch, though nothing was lost, after "+at.text())
	}
}

func (at *following) text() string {
	return fmt.Sprintf("%s/%d", at.epoch, at.seq)
}
