package pgstore

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Bounds of a statement, and of what waits for one in a lane. A batch larger than a statement goes alone.
const (
	groupEntries   = 2048
	groupBytes     = 4 << 20
	waitingEntries = 1 << 18
	waitingBytes   = 128 << 20
)

// A lane has at most one statement under way. What is appended meanwhile, to any of its topics, is the next
// one: many commits become one. All of a topic goes through one lane, so its statements never wait for each other's
// locks.
type lane struct {
	store *Store

	mu      sync.Mutex
	queue   []*pending
	entries int
	bytes   int
	running bool
}

// Who decided about a pending first.
const (
	waiting uint32 = iota
	taken          // by its lane: it is sent
	left           // by its caller: it is not
)

// A pending is one call of Append.
type pending struct {
	topic string
	keep  topic.Retention
	batch []topic.Entry
	bytes int

	state atomic.Uint32
	done  chan struct{} // closed when the two below are set
	got   topic.Appended
	err   error
}

var seed = maphash.MakeSeed()

func (s *Store) laneOf(name string) *lane {
	return s.lanes[maphash.String(seed, name)%uint64(len(s.lanes))]
}

// append waits for what becomes of a call.
func (l *lane) append(ctx context.Context, p *pending) (topic.Appended, error) {
	if err := l.put(p); err != nil {
		return topic.Appended{}, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.state.CompareAndSwap(waiting, left) {
			return topic.Appended{}, ctx.Err()
		}
		select {
		case <-p.done: // both at once
		default:
			return topic.Appended{}, ctx.Err()
		}
	}
	return p.got, p.err
}

func (l *lane) put(p *pending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries+len(p.batch) > waitingEntries || l.bytes+p.bytes > waitingBytes && l.bytes > 0 {
		return ErrBusy
	}
	if l.running {
		// Who comes now does not wait for the last call of those that broke it.
		if err := l.store.db.Refusal(); err != nil {
			return err
		}
	}
	l.queue = append(l.queue, p)
	l.entries += len(p.batch)
	l.bytes += p.bytes
	l.store.metrics.waiting.Add(float64(len(p.batch)))
	if !l.running {
		l.running = true
		l.store.calls.Add(1) // its caller is one of them, so that this is not too late
		go l.run()
	}
	return nil
}

// run sends until nothing waits.
func (l *lane) run() {
	defer l.store.calls.Done()
	for {
		g := l.take()
		if g == nil {
			return
		}
		l.store.send(g)
	}
}

// take makes a group of what waits, oldest first. Calls on one topic follow each other; a call that wants another
// retention than those before it is left for the next group, with all that come after.
func (l *lane) take() []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	var g []*pending
	keeps := make(map[string]topic.Retention)
	entries, bytes, n := 0, 0, 0
	for _, p := range l.queue {
		full := len(g) > 0 && (entries+len(p.batch) > groupEntries || bytes+p.bytes > groupBytes)
		if keep, ok := keeps[p.topic]; full || ok && keep != p.keep {
			break
		}
		n++
		l.entries -= len(p.batch)
		l.bytes -= p.bytes
		l.store.metrics.waiting.Sub(float64(len(p.batch)))
		if !p.state.CompareAndSwap(waiting, taken) {
			continue
		}
		keeps[p.topic] = p.keep
		entries += len(p.batch)
		bytes += p.bytes
		g = append(g, p)
	}
	l.queue = slices.Delete(l.queue, 0, n)
	if len(g) == 0 {
		l.running = len(l.queue) > 0
		if !l.running {
			l.queue = nil
			return nil
		}
		return []*pending{} // all of them left; there is more
	}
	return g
}

func (p *pending) finish(got topic.Appended, err error) {
	p.got, p.err = got, err
	close(p.done)
}

// send is one statement. What only one of its topics may be to blame for costs the others nothing: they are
// sent again, each alone.
func (s *Store) send(g []*pending) {
	if len(g) == 0 {
		return
	}
	s.metrics.group.Observe(float64(countEntries(g)))
	p := pack(g)
	err := s.sendPacked(p)
	if err != nil && len(p.topics) > 1 && blames(err) {
		for _, t := range p.topics {
			s.send(t.calls)
		}
		return
	}
	if err != nil {
		for _, c := range g {
			c.finish(topic.Appended{}, explain(err))
		}
	}
}

const maxTries = 4

// sendPacked sends until others beside it are not in the way, and makes topics that are not there.
func (s *Store) sendPacked(p *packed) error {
	for try := 1; ; try++ {
		err := s.appendPacked(p)
		if err == nil || try == maxTries {
			return err
		}
		switch {
		case pgdb.Code(err) == absent:
			err = s.db.Run(s.ctx, func(ctx context.Context, q pgdb.Querier) error {
				_, err := q.Exec(ctx, s.sql.enter, p.args.names)
				return err
			})
		case again(err):
			s.metrics.retries.Inc()
			err = nil
		}
		if err != nil {
			return err
		}
	}
}

func countEntries(g []*pending) (n int) {
	for _, p := range g {
		n += len(p.batch)
	}
	return n
}
