package roster

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrClosed answers what is asked of a roster that was closed, until it is
	// opened again.
	ErrClosed = errors.New("roster: closed")

	// ErrBuried answers a Store's Apply for the life of a node that was cleaned up
	// after: nothing was done. The node is to go on under a new life.
	ErrBuried = errors.New("roster: the node was taken for dead")
)

// A Store keeps the rosters of a cluster and numbers their changes. A member is
// on the roster as long as at least one node shows it; its value is the one of the
// node that put it last. Every call on one roster takes effect in one step, and all
// nodes see the steps in one order, that of the versions.
//
// What changes for all to see the Store also relays, as a frame that AppendChange,
// or a script, writes, on the relay's topic of the roster's name.
//
// A roster whose keys are lost begins anew under another epoch. Methods are safe
// for concurrent use. Errors that are none of this package mean that the backend
// failed; then the call may have taken effect or not.
type Store interface {
	// Apply makes a node show members, or show them no longer. At most MaxOps ops,
	// no key twice. An op that says what is so already changes nothing, so Apply may
	// be repeated. With max > 0, a put of a member who is not on the roster is
	// refused while the roster has max members; ops are taken in order.
	//
	// It answers ErrClosed if the roster is closed and one op is a put (drops of a
	// closed roster do nothing), and ErrBuried if the life was buried.
	Apply(ctx context.Context, name, life string, ops []Op, max int) (Applied, error)

	// Load returns the whole roster. One that nobody is on is empty: Epoch "",
	// Version 0 if it never was or was forgotten.
	Load(ctx context.Context, name string) (Snapshot, error)

	// Check tells where the roster stands without transferring it.
	Check(ctx context.Context, name string) (Standing, error)

	// Bury drops everything that a life shows on the rosters that the Store knows it
	// to be on, and on those that are named. Apply refuses that life from then on
	// (for at least ten minutes). It may be called again, also while it runs
	// elsewhere: each leave is numbered and relayed once.
	Bury(ctx context.Context, life string, also ...string) error
}

// A Closer ends a roster deliberately.
type Closer interface {
	// Close drops all members in one step and lets nobody join for the time keep,
	// or until Reopen. It relays a frame that AppendClosed writes. Closing again
	// renews the time, and relays the frame again.
	Close(ctx context.Context, name string, keep time.Duration) error

	// Reopen lets a closed name be used again. It begins empty, under a new epoch,
	// and without what was noted on it. It does nothing to a roster that is open.
	Reopen(ctx context.Context, name string) error
}

// A Notebook keeps a few texts with a roster.
type Notebook interface {
	// Notes returns them all.
	Notes(ctx context.Context, name string) (map[string]string, error)

	// Note changes some: nil deletes the key. It answers ErrClosed.
	Note(ctx context.Context, name string, set map[string]*string) error
}

// Bounds of what a Store is given.
const (
	MaxOps   = 1024     // ops of one Apply
	MaxKey   = 512      // bytes of a member's key, at least 1
	MaxValue = 64 << 10 // bytes of its value, at least 1
)

// An Op is one member that a node shows, or shows no longer.
type Op struct {
	Key   string
	Value []byte // nil: no longer. Immutable
}

// Applied answers Apply.
type Applied struct {
	Epoch   string
	Version uint64 // of the roster after it
	Count   int    // members after it

	// Changes are what all will see, in the order of the ops. If there are any,
	// Version is one more than before; if not, it is as it was.
	Changes []Change

	// Refused are the indexes of the puts that found the roster full.
	Refused []int
}

// A Change is one member's.
type Change struct {
	Key   string
	Value []byte // nil: it left
}

// A Snapshot is a whole roster.
type Snapshot struct {
	Epoch   string
	Version uint64
	Closed  bool
	Members map[string][]byte // the receiver's to keep
}

// A Standing is where a roster stands.
type Standing struct {
	Epoch   string
	Version uint64
	Closed  bool
	Lives   map[string]int // how many members each life shows
}
