package cursor

import (
	"encoding/json"
	"strings"
	"sync"
)

// maxOps bounds what waits in an inbox that keeps every move, where the policy
// gathers nothing.
const maxOps = 4096

// An inbox is where moves of this node wait for their board's actor: the newest of each
// key. A move that finds others waiting costs a few writes in memory and no message.
type inbox struct {
	policy *Policy
	m      *policyMetrics
	tell   func() error // tells the actor that something waits
	every  bool         // all moves count, not only the newest

	mu    sync.Mutex
	owner *actor // whose Start came last
	dead  bool   // its actor has ended; there is another one, or none
	told  bool   // the actor will look without being told
	slots map[string]*slot
	ops   []op
	bytes int // users and newest positions of all slots
	other tally

	moves, overtaken int // since the last drain
}

// A tally is what cursors of other nodes take of a board.
type tally struct{ cursors, bytes int }

// A slot is a cursor of this node.
type slot struct {
	key  string
	user json.RawMessage
	at   int // its newest op, -1 if none waits
	size int // of the newest position
	gone bool
	held bool // the actor will look, without being told, when its throttle is over
}

// An op is one move, or a removal.
type op struct {
	slot   *slot
	user   json.RawMessage
	data   []byte // nil: removed
	remove bool
}

func newInbox(p *Policy, m *policyMetrics, tell func() error) *inbox {
	return &inbox{policy: p, m: m, tell: tell, every: p.Tick < 0 && p.Throttle < 0, slots: make(map[string]*slot)}
}

// move files a position. Without a user it is not done for a cursor that is not there; with
// one it is not done, without an error, only if the inbox is dead.
func (in *inbox) move(key string, user, data json.RawMessage) (done bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.dead {
		return false, nil
	}
	s := in.slots[key]
	fresh := s == nil || s.gone
	if fresh && user == nil {
		return false, nil
	}
	if err := in.admit(s, fresh, len(user)+len(data)); err != nil {
		return false, err
	}
	if fresh && s == nil {
		s = &slot{key: strings.Clone(key), at: -1}
	}
	if !s.held {
		if err := in.rouse(); err != nil {
			return false, err
		}
	}
	if fresh {
		s.user, s.gone = user, false
		in.bytes += len(user)
		in.slots[s.key] = s
	}
	in.bytes += len(data) - s.size
	s.size = len(data)
	in.moves++
	in.file(s, data)
	return true, nil
}

// admit keeps the board within its bounds.
func (in *inbox) admit(s *slot, fresh bool, size int) error {
	if !fresh && size <= s.size {
		return nil
	}
	before := 0
	if !fresh {
		before = s.size
	}
	if fresh && len(in.slots)+in.other.cursors >= MaxCursors && s == nil ||
		in.bytes+in.other.bytes+size-before > MaxBoardBytes {
		in.m.full.Inc()
		return ErrFull
	}
	return nil
}

// rouse tells the actor, unless it knows.
func (in *inbox) rouse() error {
	if in.told {
		return nil
	}
	if err := in.tell(); err != nil {
		in.m.overloaded.Inc()
		return err
	}
	in.told = true
	return nil
}

// file puts the position behind what waits, or in the place of the key's last one.
func (in *inbox) file(s *slot, data []byte) {
	if s.at >= 0 && (!in.every || len(in.ops) >= maxOps || in.ops[s.at].remove) {
		o := &in.ops[s.at]
		if !o.remove {
			in.overtaken++
		}
		o.user, o.data, o.remove = s.user, append(o.data[:0], data...), false
		return
	}
	s.at = len(in.ops)
	in.ops = append(in.ops, op{slot: s, user: s.user, data: append([]byte(nil), data...)})
}

// remove files a removal. What waits of the key is not seen any more.
func (in *inbox) remove(key string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.slots[key]
	if in.dead || s == nil || s.gone {
		return nil
	}
	if err := in.rouse(); err != nil {
		return err
	}
	in.bytes -= len(s.user) + s.size
	s.gone, s.size, s.user = true, 0, nil
	if s.at >= 0 {
		in.overtaken++
		in.ops[s.at] = op{slot: s, remove: true}
		return nil
	}
	s.at = len(in.ops)
	in.ops = append(in.ops, op{slot: s, remove: true})
	return nil
}

// drain takes what waits. The caller will look again until it calls rest.
func (in *inbox) drain(held []*slot) []op {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range held {
		s.held = false
	}
	ops := in.ops
	in.ops = nil
	for i := range ops {
		s := ops[i].slot
		s.at = -1
		if s.gone && in.slots[s.key] == s {
			delete(in.slots, s.key)
		}
	}
	in.m.updates.Add(float64(in.moves))
	in.m.throttled.Add(float64(in.overtaken))
	in.moves, in.overtaken = 0, 0
	in.told = true
	return ops
}

// rest tells what the actor will look after by itself: all that comes, if a tick is under
// way, else only the slots that are held. It reports whether something came meanwhile.
func (in *inbox) rest(ticking bool, held []*slot, other tally) (more bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.other = other
	for _, s := range held {
		s.held = true
	}
	if ticking {
		return false
	}
	in.told = len(in.ops) > 0
	return in.told
}

// forget drops a cursor that expired or was taken over, unless it moves again.
func (in *inbox) forget(s *slot) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if s.at < 0 && in.slots[s.key] == s {
		in.bytes -= len(s.user) + s.size
		delete(in.slots, s.key)
	}
}

// claim makes an actor the one that drains.
func (in *inbox) claim(a *actor) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.owner = a
}

// end is called when an actor stops. What waits waits for the next one.
func (in *inbox) end(a *actor) (dead bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.owner != a {
		return false
	}
	in.owner, in.told, in.dead = nil, false, len(in.ops) == 0
	for _, s := range in.slots {
		s.held = false
	}
	return in.dead
}
