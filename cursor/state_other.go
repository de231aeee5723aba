package cursor

import "time"

// A verdict is what became of an entry.
type verdict uint8

const (
	stale   verdict = iota // older than what is known
	same                   // what is known, and so it is still so
	taken                  // the board changed, or remembers that it must not
	refused                // there is no room
)

// merge takes what another node has of a key, or what is stored of it. It also returns the
// slot of a cursor of this node that moves elsewhere now.
func (b *board) merge(now time.Time, e Entry, left time.Duration, stored bool) (verdict, *slot) {
	p := b.cursors[e.Key]
	g, dug := b.graves[e.Key]
	switch {
	case p != nil && e.Number == p.number && e.Life == p.life && e.Data != nil:
		p.seen = now
		return same, nil
	case dug && g.soft && stored && e.Number == g.number && e.Life == g.life:
	case p != nil && !newer(e, p.number, p.life), dug && !newer(e, g.number, g.life):
		return stale, nil
	case e.Data == nil:
		return taken, b.mergeRemoval(now, e, p)
	}
	var lost *slot
	size := len(e.User) + len(e.Data)
	if p == nil {
		if len(b.cursors) >= MaxCursors || b.bytes+size > MaxBoardBytes {
			return refused, nil
		}
		p = &position{key: e.Key}
		b.cursors[e.Key] = p
		b.other.cursors++
		b.changed.mark(e.Key, false)
	} else {
		if b.bytes+size-p.size() > MaxBoardBytes {
			return refused, nil
		}
		lost = b.cede(p)
		b.changed.mark(e.Key, true)
	}
	delete(b.graves, e.Key)
	b.bytes += size - p.size()
	b.other.bytes += size - p.size()
	p.user, p.data, p.number, p.life = e.User, e.Data, e.Number, e.Life
	p.seen, p.expires = now, now.Add(left)
	return taken, lost
}

// newer decides between two changes of a key.
func newer(e Entry, number uint64, life string) bool {
	return e.Number > number || e.Number == number && e.Life > life
}

func (b *board) mergeRemoval(now time.Time, e Entry, p *position) (lost *slot) {
	if p != nil {
		lost = b.cede(p)
		b.drop(p)
	}
	if len(b.graves) < MaxCursors { // those that are ours to tell are not given up for it
		b.dig(e.Key, grave{number: e.Number, life: e.Life, until: now.Add(b.policy.TTL)})
	}
	return lost
}

// cede makes a cursor of this node another's.
func (b *board) cede(p *position) (lost *slot) {
	if p.slot == nil {
		return nil
	}
	b.release(p)
	lost, p.slot = p.slot, nil
	b.own--
	b.other.cursors++
	b.other.bytes += p.size()
	b.relay.drop(p.key)
	b.save.drop(p.key)
	return lost
}

// forget removes what a dead node had, also from the Store, and returns how many.
func (b *board) forget(now time.Time, life string) (count int) {
	for _, p := range b.cursors {
		if p.slot == nil && p.life == life {
			count++
			b.drop(p)
			b.dig(p.key, grave{number: p.number + 1, life: life, until: now.Add(b.policy.TTL)})
			b.save.add(p.key)
		}
	}
	return count
}

// missing removes cursors of other nodes that the Store should have and does not. Those
// of which there was news after a moment may not be there yet. One that is missed wrongly
// comes back with the next change, see renew, or when it is found.
func (b *board) missing(now time.Time, kept map[string]bool, since time.Time) (count int) {
	for key, p := range b.cursors {
		if p.slot == nil && !kept[key] && !p.seen.After(since) {
			count++
			b.drop(p)
			b.dig(key, grave{number: p.number, life: p.life, soft: true, until: now.Add(b.policy.TTL)})
		}
	}
	return count
}

// leave forgets other nodes, of which nothing is heard any more.
func (b *board) leave() {
	for _, p := range b.cursors {
		if p.slot == nil {
			b.drop(p)
		}
	}
}

// reborn has this node's cursors belong to another life of it. Others may have removed the
// ones of the old life: see forget.
func (b *board) reborn(life string, number func() uint64) {
	b.life = life
	for _, p := range b.cursors {
		if p.slot != nil {
			p.life, p.number = life, max(number(), p.number+2)
			b.tell(p.key)
		}
	}
}

// renew has other nodes take a cursor of this node for news, as it is.
func (b *board) renew(p *position, number uint64) {
	p.number = max(number, p.number+1)
	b.relay.add(p.key)
}

// again has others and the Store hear of all cursors of this node, as they are.
func (b *board) again(number func() uint64) {
	for _, p := range b.cursors {
		if p.slot != nil {
			b.renew(p, number())
			b.save.add(p.key)
		}
	}
}

// quit removes all cursors of this node.
func (b *board) quit(now time.Time, number func() uint64) {
	for _, p := range b.cursors {
		if p.slot != nil {
			b.bury(p, now, max(number(), p.number+1))
		}
	}
}
