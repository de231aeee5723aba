package wire

import (
	"bytes"
	"fmt"
)

// Floor is the protocol of bench/floor: one letter, a topic, and for a publish
// the bytes that are to arrive.
type Floor struct{}

// What the floor's messages begin with.
const (
	FloorSubscribe = 's'
	FloorPublish   = 'p'
	FloorAck       = 'a' // of a publish
	FloorJoined    = 'j'
	FloorWelcome   = 'w'
)

// Path implements Protocol.
func (Floor) Path() string { return "/floor" }

// Hello implements Protocol.
func (Floor) Hello() []byte { return nil }

// Subscribe implements Protocol.
func (Floor) Subscribe(s Subscription) []byte {
	since := int64(-1)
	if s.Since != nil {
		since = int64(s.Since.Seq)
	}
	return fmt.Appendf(nil, "%c%s %d", FloorSubscribe, s.Topic, since)
}

// Publish implements Protocol. What is to arrive has the length of Troupe's
// event, so that both move the same bytes.
func (Floor) Publish(dst []byte, topic string, _ int, data []byte) []byte {
	dst = append(append(dst, FloorPublish), topic...)
	dst = append(append(dst, ` {"topic":"`...), topic...)
	dst = append(append(dst, `","event":"m","data":`...), data...)
	return append(dst, '}')
}

// ParseFloor takes a client's message apart: a topic, and what follows it.
func ParseFloor(message []byte) (kind byte, topic, body []byte, ok bool) {
	if len(message) < 2 {
		return 0, nil, nil, false
	}
	topic, body, ok = bytes.Cut(message[1:], []byte(" "))
	return message[0], topic, body, ok
}

// Read implements Protocol.
func (Floor) Read(message []byte) Answer {
	if len(message) == 0 {
		return Answer{}
	}
	switch message[0] {
	case FloorJoined:
		var seq uint64
		if _, err := fmt.Sscanf(string(message[1:]), "%d", &seq); err != nil {
			return Answer{Err: fmt.Errorf("wire: read %.200q: %w", message, err)}
		}
		return Answer{Joined: true, Position: Position{Seq: seq}}
	case FloorAck:
		return Answer{Published: 1}
	case FloorWelcome:
		return Answer{Welcomed: true}
	}
	return Answer{}
}
