package topic

import (
	"slices"
	"time"
)

// earlyLimit bounds the events that wait for a missing predecessor. Beyond it
// the newest are forgotten: the Log has them.
const earlyLimit = 1024

// state is what a topic with history knows about its order. It has no clock, no
// actor and no I/O.
//
// Everything up to head has been given to the receivers. What comes next is
// head+1 of the same epoch, or the Log says what became of it.
type state struct {
	name   string
	policy *Policy

	known bool // epoch and head have been learned
	epoch string
	head  uint64

	window window
	early  []*Event // arrived before their predecessors, by seq
	doubt  bool     // an event came that was not the one known by its number
}

func (s *state) position() Position { return Position{s.epoch, s.head} }

// accept files events that the Log numbered and returns those that may go out
// now, in order. behind is true if something before them is missing, or if they
// belong to another life of the numbering: then the Log has to be asked.
func (s *state) accept(epoch string, evs []*Event) (ready []*Event, behind bool) {
	if len(evs) == 0 {
		return nil, false
	}
	if !s.known {
		s.known, s.epoch, s.head = true, epoch, evs[0].seq-1
	}
	if epoch != s.epoch {
		return nil, true
	}
	if len(s.early) == 0 && consecutive(s.head, evs) {
		s.advance(evs)
		return evs, false
	}
	for _, e := range evs {
		s.park(e)
	}
	ready = s.unpark()
	return ready, len(s.early) > 0
}

func consecutive(head uint64, evs []*Event) bool {
	for i, e := range evs {
		if e.seq != head+1+uint64(i) {
			return false
		}
	}
	return true
}

func (s *state) advance(evs []*Event) {
	if len(evs) == 0 {
		return
	}
	s.head = evs[len(evs)-1].seq
	s.window.push(evs, s.policy.History)
}

// park keeps an event until its predecessors are there.
func (s *state) park(e *Event) {
	if e.seq <= s.head {
		s.doubt = s.doubt || !s.window.confirms(e.seq, e.at)
		return
	}
	i, found := slices.BinarySearchFunc(s.early, e.seq, func(a *Event, seq uint64) int {
		return int(int64(a.seq - seq))
	})
	if found {
		return
	}
	s.early = slices.Insert(s.early, i, e)
	if len(s.early) > earlyLimit {
		s.early = s.early[:earlyLimit]
	}
}

// unpark takes out what has become consecutive, and forgets what is no longer
// wanted.
func (s *state) unpark() []*Event {
	skip := 0
	for skip < len(s.early) && s.early[skip].seq <= s.head {
		skip++
	}
	n := skip
	for n < len(s.early) && s.early[n].seq == s.head+1+uint64(n-skip) {
		n++
	}
	ready := slices.Clone(s.early[skip:n])
	s.early = slices.Delete(s.early, 0, n)
	s.advance(ready)
	return ready
}

// fill takes what the Log returned for the question "what comes after head?"
// (for all there is, if the epoch turned out to be another) and returns what
// may go out now. What is gone is announced in its place.
func (s *state) fill(p Page) (ready []*Event) {
	evs := make([]*Event, 0, len(p.Records)+1)
	since := s.head
	switch {
	case !s.known:
		s.known, s.epoch, s.head = true, p.Head.Epoch, p.Head.Seq
		return nil
	case p.Head.Epoch != s.epoch:
		s.restart(p)
		evs = append(evs, announceTruncated(s.name, since, p.Oldest, p.Head))
	case p.Oldest > s.head+1:
		s.head = p.Oldest - 1
		s.window.clear()
		evs = append(evs, announceTruncated(s.name, since, p.Oldest, p.Head))
	}
	fresh := make([]*Event, 0, len(p.Records))
	for _, r := range p.Records {
		if r.Seq == s.head+1+uint64(len(fresh)) {
			fresh = append(fresh, fromRecord(s.name, p.Head.Epoch, r))
		}
	}
	s.advance(fresh)
	evs = append(evs, fresh...)
	return append(evs, s.unpark()...)
}

// wentBack reports whether the Log forgot events that it had given out: it
// stands before where it was asked from, or has others in their place.
func (s *state) wentBack(asked Position, p Page) bool {
	if !s.known || asked.Epoch != s.epoch || p.Head.Epoch != s.epoch {
		return false
	}
	if p.Head.Seq < asked.Seq {
		return true
	}
	for _, r := range p.Records {
		if r.Seq > s.head {
			break
		}
		if e := s.window.event(r.Seq); e != nil && !sameTime(e.at, r.At.UnixNano()) {
			return true
		}
	}
	return false
}

// newest is the greatest number that waits for its predecessors, 0 if none does.
func (s *state) newest() uint64 {
	if len(s.early) == 0 {
		return 0
	}
	return s.early[len(s.early)-1].seq
}

// disown drops events that waited, up to number newest, when the Log was asked,
// and that it did not have: nobody numbered them.
func (s *state) disown(newest uint64, p Page) (dropped int) {
	if p.Head.Epoch != s.epoch {
		return 0
	}
	kept := slices.DeleteFunc(s.early, func(e *Event) bool { return e.seq > p.Head.Seq && e.seq <= newest })
	dropped = len(s.early) - len(kept)
	s.early = kept
	return dropped
}

// restart begins a new life of the numbering, as a page of the Log shows it.
func (s *state) restart(p Page) {
	s.epoch, s.head = p.Head.Epoch, p.Oldest-1
	s.window.clear()
	s.early = nil
}

// forget drops what may be damaged after a panic. The position stays: receivers
// have everything up to it.
func (s *state) forget() {
	s.window.clear()
	s.early = nil
}

// start returns the number after which a receiver that has everything up to
// since wants to read, and whether since is a position it can have had. Nothing
// is known to it of another epoch or beyond the newest.
func (s *state) start(since Position) (after uint64, fits bool) {
	if since.Epoch != "" && since.Epoch != s.epoch || since.Seq > s.head {
		return 0, false
	}
	return since.Seq, true
}

// placed writes a position that fits as one of this epoch, so that those who
// missed the same are known by the same position.
func (s *state) placed(since Position) Position {
	if _, fits := s.start(since); fits {
		since.Epoch = s.epoch
	}
	return since
}

// recent serves a catch-up from the window.
func (s *state) recent(since Position, now time.Time) ([]*Event, bool) {
	after, fits := s.start(since)
	if !fits {
		return nil, false
	}
	if after == s.head {
		return nil, true
	}
	return s.window.after(after, s.policy.TTL, now)
}

// replay serves a catch-up from a page of the Log that was read after `after`.
// It returns false if the page does not fit the topic any more and has to be
// read again.
func (s *state) replay(since Position, after uint64, p Page) ([]*Event, bool) {
	want, fits := s.start(since)
	if p.Head.Epoch != s.epoch || want < after {
		return nil, false
	}
	var evs []*Event
	if !fits || p.Oldest > want+1 {
		evs = append(evs, announceTruncated(s.name, since.Seq, p.Oldest, s.position()))
	}
	next := max(want+1, p.Oldest)
	for _, r := range p.Records {
		if r.Seq == next && r.Seq <= s.head {
			evs = append(evs, fromRecord(s.name, p.Head.Epoch, r))
			next++
		}
	}
	if next <= s.head { // published while the page was read
		rest, ok := s.window.after(next-1, 0, time.Time{})
		if !ok {
			return nil, false
		}
		evs = append(evs, rest...)
	}
	return evs, true
}
