package memstore

import (
	"math"
	"time"
)

const (
	// indexFrom is the number of identifiers from which on a map finds them. Below it
	// a look at each is as fast, and most topics stay below.
	indexFrom = 16

	// What an identifier takes besides its text.
	seenCost    = 32
	indexedCost = 48
)

// A sighting is an identifier that a topic has seen.
type sighting struct {
	id  string
	at  time.Duration // since the Store began
	seq uint64
}

// seen remembers identifiers in the order of their arrival.
type seen struct {
	queue ring[sighting]
	index map[string]uint64 // to seq; nil where the queue is short
	text  int               // bytes of the identifiers
}

func (s *seen) find(id string) (seq uint64, ok bool) {
	if s.index != nil {
		seq, ok = s.index[id]
		return seq, ok
	}
	for i := range s.queue.len() {
		if v := s.queue.at(i); v.id == id {
			return v.seq, true
		}
	}
	return 0, false
}

// add remembers an identifier that find did not find.
func (s *seen) add(v sighting) {
	s.queue.push(v, math.MaxInt32)
	s.text += len(v.id)
	if s.index != nil {
		s.index[v.id] = v.seq
	} else if s.queue.len() >= indexFrom {
		s.reindex()
	}
}

// expire forgets what came before a moment.
func (s *seen) expire(before time.Duration) {
	for s.queue.len() > 0 && s.queue.at(0).at < before {
		s.pop()
	}
}

func (s *seen) pop() {
	v, shrank := s.queue.pop()
	s.text -= len(v.id)
	if s.index == nil {
		return
	}
	delete(s.index, v.id)
	if shrank {
		s.reindex() // a map does not give memory back
	}
}

func (s *seen) reindex() {
	s.index = nil
	if s.queue.len() < indexFrom {
		return
	}
	s.index = make(map[string]uint64, s.queue.len())
	for i := range s.queue.len() {
		v := s.queue.at(i)
		s.index[v.id] = v.seq
	}
}

func (s *seen) cost() int64 {
	return int64(s.queue.len()*seenCost + len(s.index)*indexedCost + s.text)
}
