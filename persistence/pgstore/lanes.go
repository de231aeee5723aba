package pgstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

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

// worth is how many entries make a statement worth its while: from there on another one beside it is better than a
// larger one. A statement that takes longer than patience delays others no more.
const (
	worth    = 256
	patience = 20 * time.Millisecond
)

// The lanes of a Store are statements under way. While there is one, what is appended to any topic gathers for the next: many
// commits become one. A topic is in one statement at a time, so that they do not wait for each other's locks.
type lanes struct {
	store *Store
	most  int

	mu      sync.Mutex
	queue   []*pending
	entries int
	bytes   int
	running int                 // if it is 0 nothing is queued
	busy    map[string]struct{} // topics in statements under way
	began   time.Time           // the newest of them
	timed   bool                // a look is to come
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

// append waits for what becomes of a call.
func (l *lanes) append(ctx context.Context, p *pending) (topic.Appended, error) {
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

func (l *lanes) put(p *pending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries+len(p.batch) > waitingEntries || l.bytes+p.bytes > waitingBytes && l.bytes > 0 {
		return ErrBusy
	}
	if l.running > 0 {
		// Who comes now does not wait for the last call of those that broke it.
		if err := l.store.db.Refusal(); err != nil {
			return err
		}
	}
	l.queue = append(l.queue, p)
	l.entries += len(p.batch)
	l.bytes += p.bytes
	l.store.metrics.waiting.Add(float64(len(p.batch)))
	if _, busy := l.busy[p.topic]; !busy && (l.running == 0 || l.entries >= worth) {
		l.start()
	}
	if l.running > 0 && l.running < l.most && !l.timed {
		l.timed = true
		time.AfterFunc(patience, l.look)
	}
	return nil
}

// start sends beside what is under way. A call that is under way, or a lane, is counted in calls; so this is not
// too late for Close.
func (l *lanes) start() {
	if l.running < l.most {
		l.running++
		l.store.calls.Add(1)
		go l.run()
	}
}

// look starts another lane if what waits has waited for long.
func (l *lanes) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timed = false
	if len(l.queue) == 0 {
		return
	}
	if time.Since(l.began) >= patience {
		l.start()
	}
	if l.running < l.most {
		l.timed = true
		time.AfterFunc(patience, l.look)
	}
}

// run sends until nothing waits, or only what another lane will take.
func (l *lanes) run() {
	defer l.store.calls.Done()
	for g := l.take(nil); g != nil; g = l.take(g) {
		l.store.send(g)
	}
}

// take makes a group of what waits, oldest first, once one before it is answered. It is nil when the lane ends. Calls on
// one topic follow each other: one that wants another retention than those before it, or whose topic is under way, is left
// for later with all that come after it.
func (l *lanes) take(sent []*pending) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range sent {
		delete(l.busy, p.topic)
	}
	g := l.gather()
	for g == nil && len(l.queue) > 0 && len(l.busy) == 0 {
		g = l.gather() // callers had left, for whom others had to wait
	}
	if g == nil {
		l.running--
		return nil
	}
	for _, p := range g {
		l.busy[p.topic] = struct{}{}
	}
	l.began = time.Now()
	return g
}

func (l *lanes) gather() (g []*pending) {
	keeps := make(map[string]*topic.Retention) // nil: its turn is later
	entries, bytes := 0, 0
	rest := l.queue[:0]
	for i, p := range l.queue {
		if len(g) > 0 && (entries+len(p.batch) > groupEntries || bytes+p.bytes > groupBytes) {
			rest = append(rest, l.queue[i:]...)
			break
		}
		keep, known := keeps[p.topic]
		if !known {
			keep = &p.keep
			if _, busy := l.busy[p.topic]; busy {
				keep = nil
			}
			keeps[p.topic] = keep
		}
		if keep == nil || *keep != p.keep {
			keeps[p.topic] = nil
			rest = append(rest, p)
			continue
		}
		l.entries -= len(p.batch)
		l.bytes -= p.bytes
		l.store.metrics.waiting.Sub(float64(len(p.batch)))
		if p.state.CompareAndSwap(waiting, taken) {
			entries += len(p.batch)
			bytes += p.bytes
			g = append(g, p)
		}
	}
	clear(l.queue[len(rest):])
	l.queue = rest
	return g
}

func (p *pending) finish(got topic.Appended, err error) {
	p.got, p.err = got, err
	close(p.done)
}

// send is one statement. What only one of its topics may be to blame for costs the others nothing: they are
// sent again, each alone.
func (s *Store) send(g []*pending) {
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
		case errors.Is(err, errAbsent):
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
