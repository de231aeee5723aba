package cursor

import (
	"context"
	"encoding/json"
	"time"
)

// A Store keeps the cursors of a cluster, for nodes that have missed how they came to be
// where they are. It is written a few times a second and topic, not with every move.
//
// Of what is saved for a key the entry with the highest Number counts: an older one, or
// an older removal, changes nothing, and the same one again neither. A Store need not
// remember what was removed. An entry vanishes by itself when its ttl has passed, by the Store's
// clock. Data comes back byte for byte.
//
// Methods are safe for concurrent use. After an error it is unknown whether the call
// took effect; it may be repeated. Calls of Save for one topic and life come one after the other;
// one that failed must not take effect once a later one has.
type Store interface {
	// Save writes entries on behalf of a node's life: at most MaxEntries, no key twice.
	// Entries' Life and Left are not looked at. The ttl is at least a second, and is that
	// of all entries of the topic.
	Save(ctx context.Context, topic, life string, entries []Entry, ttl time.Duration) error

	// Load returns what is kept, in no order, without what was removed or is older than its
	// ttl. Calls of Save that happen meanwhile may be seen in part.
	Load(ctx context.Context, topic string) ([]Entry, error)
}

// MaxEntries is how many entries Save takes at once, MaxBytes how many bytes
// of keys, users and data they have together, but for a single one that has more.
const (
	MaxEntries = 512
	MaxBytes   = 1 << 20
)

// An Entry is a cursor as nodes tell each other of it. Slices are shared and immutable.
type Entry struct {
	Key    string // 1 to 256 bytes
	Number uint64 // grows with every change of the key; 1 to 2^53-1
	User   json.RawMessage
	Data   json.RawMessage // nil: removed

	// Life is the life of the node on which the cursor moves, without a space. Left is when
	// it expires if it does not move. Load sets both.
	Life string
	Left time.Duration
}
