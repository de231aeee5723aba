package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrRefused is wrapped by the error of an Answer that says no.
var ErrRefused = errors.New("wire: refused")

// KeptPrefix begins the names of topics that keep history. All other topics of
// the benchmarks keep none, on every server.
const KeptPrefix = "kept:"

// A Position is where a receiver stands in a topic's history.
type Position struct {
	Epoch string
	Seq   uint64
}

// A Subscription is a client's wish for a topic. Since is nil to begin with
// what comes next.
type Subscription struct {
	Topic string
	Ref   int
	Since *Position
}

// An Answer is what a server's message says besides events.
type Answer struct {
	Welcomed  bool     // the connection is accepted
	Joined    bool     // a subscription is accepted
	Position  Position // where the subscription began, with Joined, in topics with history
	Published int      // publishes acknowledged
	Pong      []byte   // send this back
	Err       error    // wraps ErrRefused, or says what was not understood
}

// A Protocol speaks for clients of one server.
type Protocol interface {
	// Path is where the server upgrades connections.
	Path() string
	// Hello is the first message of a connection, nil if the server speaks
	// first.
	Hello() []byte
	// Subscribe is the message that asks for a topic.
	Subscribe(s Subscription) []byte
	// Publish appends the message that publishes data, which is JSON.
	Publish(dst []byte, topic string, ref int, data []byte) []byte
	// Read understands a message. Events in it are ignored: package check
	// counts them by their marks.
	Read(message []byte) Answer
}

func refused(message []byte) error {
	const quote = 200
	return fmt.Errorf("%w: %.*s", ErrRefused, quote, message)
}

// HasPing reports whether a message that holds events may also hold a ping of
// the application, so that it must be given to Read. It costs a few nanoseconds.
func HasPing(message []byte) bool {
	return bytes.HasPrefix(message, emptyReply) || bytes.Contains(message, emptyLine)
}
