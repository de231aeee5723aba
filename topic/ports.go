package topic

import (
	"context"
	"time"
)

// A Log numbers and keeps the events of topics. It is implemented by
// persistence/memstore and its neighbours, and proved by persistence/storetest.
//
// Numbers of a topic are 1, 2, 3 ... without holes within an epoch, across all
// nodes that share the backend. The epoch is 1 to 64 printable ASCII characters
// without spaces that change whenever numbering may have started again: data
// lost, expired or cleared.
//
// Methods are safe for concurrent use, end with their context, and return what
// they were given unchanged, byte for byte. An error means that nothing of the
// call took effect, or that it is unknown whether it did; a later Append with
// the same IDs is then safe.
type Log interface {
	// Append keeps a batch in order and returns a Result for each entry. An
	// entry whose ID the topic has seen within keep.Dedup is not kept again:
	// its Result has the number of the first one. Two entries of one batch
	// may share an ID.
	Append(ctx context.Context, topic string, batch []Entry, keep Retention) (Appended, error)

	// Read returns the records after seq, oldest first, at most limit of them
	// (limit 0: none, just where the topic stands). Seq may lie outside what
	// is kept: the Page tells.
	Read(ctx context.Context, topic string, after uint64, limit int, keep Retention) (Page, error)

	// Clear forgets the topic's records and IDs. Its next position has a new
	// epoch.
	Clear(ctx context.Context, topic string) error
}

// A RelayingLog is a Log whose Append and Clear also send the other nodes a
// frame, in the step in which they take effect (see FrameHead). Its topics need
// not relay what it numbered, which saves a round trip. What the frame's receivers
// miss they fetch from the Log.
type RelayingLog interface {
	Log
	// Relays is a mark; it does nothing.
	Relays()
}

// A RenewingLog is a Log that can lose its newest records without noticing, as
// one does that acknowledges before everything is on disk or on a replica. It
// would then give numbers a second time. Topics notice by a number below one they
// have seen, or a record that is not the one they have, and have the epoch
// renewed, so that every receiver is told.
//
// Appended.At and Record.At of a record must be the same to the millisecond.
type RenewingLog interface {
	Log
	// Renew gives the topic a new epoch if it still has the given one. Records
	// and numbers stay.
	Renew(ctx context.Context, topic, epoch string) error
}

// A LocalLog is a Log whose calls return at once, without I/O. Topics call it
// from the actor itself, which saves two goroutine switches per batch.
type LocalLog interface {
	Log
	// Local is a mark; it does nothing.
	Local()
}

// Retention is how much of a topic a Log keeps.
type Retention struct {
	Size  int           // newest events kept, at least 1
	TTL   time.Duration // an event older than this is gone; 0 keeps it
	Dedup time.Duration // how long an ID is remembered
}

// An Entry is an event on its way into a Log.
type Entry struct {
	ID   string // "" is never a duplicate
	Name string
	Data []byte // JSON, immutable from here on: the Log may keep the slice
}

// Appended answers Append.
type Appended struct {
	Epoch   string
	At      time.Time // when the Log took them, by its clock; zero: now
	Results []Result  // one per entry, in order; fresh numbers are consecutive
}

// A Result is where one entry ended up.
type Result struct {
	Seq       uint64
	Duplicate bool // kept before; Seq is the first one's
}

// A Record is an event as a Log returns it. Its Data is shared and immutable.
type Record struct {
	Seq  uint64
	At   time.Time // when the Log took it, by the Log's clock
	Name string
	Data []byte
}

// A Page is a stretch of a topic's history.
type Page struct {
	Head    Position // newest position, also where its record is gone
	Oldest  uint64   // number of the oldest record kept; Head.Seq+1 if there is none
	Records []Record // consecutive
}

// A Relay carries opaque frames between the nodes of a cluster. What it loses
// the receiver notices by the numbers inside, or is told by Sink.Restored; it may
// reorder, repeat, and bring a node its own frames. It is implemented in cluster/
// and proved by cluster/bustest. Methods are safe for concurrent use.
type Relay interface {
	// Publish sends a frame to all nodes that follow the topic. It returns when
	// the backend has it.
	Publish(ctx context.Context, topic string, frame []byte) error

	// Follow begins to hand frames of the topic to a Sink. It returns when
	// frames published from now on will arrive. On an error nothing is
	// followed. A topic has one Sink: following again replaces it.
	Follow(ctx context.Context, topic string, to Sink) error

	// Unfollow ends it and returns at once. Calls of the Sink may still come
	// for a moment. A Follow that comes after it wins.
	Unfollow(topic string)
}

// A BoundedRelay is a Relay that had better not carry what can be read elsewhere. Of an event
// with history that is larger the other nodes are told its number, and read it from the Log.
type BoundedRelay interface {
	Relay
	// MaxFrame is how many bytes of events a frame of a topic with history should have.
	MaxFrame() int
}

// A Sink takes what a Relay brings. Its methods must not block.
type Sink interface {
	// Received hands over a frame, which is the Sink's to keep.
	Received(topic string, frame []byte)

	// Restored tells that frames sent after since may have been lost, and that
	// those sent from now on will arrive. It is called once per interruption
	// and topic, before any frame that came after it.
	Restored(topic string, since time.Time)
}
