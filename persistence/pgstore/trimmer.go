package pgstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

const (
	trimRows  = 1000    // removed by one statement at most
	maxMarks  = 1 << 16 // topics remembered. Of others it is looked up where they begin
	maxIdle   = 1 << 14 // topics that were read and wait for that to be noted
	trimRetry = time.Second
)

// slack is how many events more than its size a topic may hold before they are removed: fewer and larger
// removals.
func slack(size uint64) uint64 { return min(max(size/2, 64), trimRows) }

// A mark is what a node knows of a topic that it trims.
type mark struct {
	id     int64  // of the topic's present life
	from   uint64 // what is before is removed
	head   uint64
	size   uint64
	limit  int // rows a statement
	queued bool
	retry  time.Time // not before, after a failure
}

func (m *mark) over() bool { return m.head >= m.size+m.from+slack(m.size) }

// A trimmer removes what the appends of a node made superfluous, one topic after the other and with a bounded
// rate. It runs only while there is something to remove.
type trimmer struct {
	store *Store
	pacer pacer
	ctx   context.Context
	stop  context.CancelFunc

	mu      sync.Mutex
	marks   map[string]*mark
	queue   []string
	idle    map[string]struct{}
	running bool
	wg      sync.WaitGroup // added to under mu, before stop
}

func newTrimmer(s *Store, rate int) *trimmer {
	t := &trimmer{store: s, pacer: pacer{rate: rate}, marks: make(map[string]*mark), idle: make(map[string]struct{})}
	t.ctx, t.stop = context.WithCancel(s.ctx)
	return t
}

// appended notes where a topic stands.
func (t *trimmer) appended(name string, head, size uint64) {
	if head <= size+slack(size) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.marks[name]
	if m == nil {
		t.makeRoom()
		m = &mark{limit: trimRows}
		t.marks[name] = m
	}
	if head < m.head {
		m.from = 0 // it was cleared
	}
	m.head, m.size = head, size
	if !m.queued && m.over() && (m.retry.IsZero() || time.Now().After(m.retry)) {
		t.enqueue(name, m)
	}
}

func (t *trimmer) enqueue(name string, m *mark) {
	m.queued = true
	t.queue = append(t.queue, name)
	t.start()
}

// makeRoom forgets any mark that nothing depends on.
func (t *trimmer) makeRoom() {
	if len(t.marks) < maxMarks {
		return
	}
	for name, m := range t.marks {
		if !m.queued {
			delete(t.marks, name)
			return
		}
	}
}

// used notes that somebody reads a topic, which is not forgotten then.
func (t *trimmer) used(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) < maxIdle { // others are noted when they are read again
		t.idle[name] = struct{}{}
		t.start()
	}
}

func (t *trimmer) start() {
	t.store.metrics.untrimmed.Set(float64(len(t.queue)))
	if t.running || t.ctx.Err() != nil {
		return
	}
	t.running = true
	t.wg.Go(t.run)
}

func (t *trimmer) wait() {
	t.mu.Lock() // whoever saw no end has added to wg
	t.running = true
	t.mu.Unlock()
	t.wg.Wait()
}

func (t *trimmer) run() {
	for t.ctx.Err() == nil {
		name, m, idle := t.next()
		switch {
		case idle != nil:
			t.enter(idle)
		case name != "":
			_ = t.store.trimAll(t.ctx, name, &m, &t.pacer) // it says so itself
			t.done(name, m)
		default:
			return
		}
	}
}

// next takes a copy of a mark, or the names of topics that were read.
func (t *trimmer) next() (name string, m mark, idle []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.idle {
		idle = append(idle, n)
		delete(t.idle, n)
		if len(idle) == trimRows {
			break
		}
	}
	if idle == nil && len(t.queue) > 0 {
		name = t.queue[0]
		t.queue = t.queue[1:]
		m = *t.marks[name]
	}
	t.running = idle != nil || name != ""
	t.store.metrics.untrimmed.Set(float64(len(t.queue)))
	return name, m, idle
}

// done notes how far a topic is trimmed. Where that did not help, as it failed, or others keep more of the topic or are
// trimming it, the next append after a moment begins again.
func (t *trimmer) done(name string, m mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.queued, m.retry = false, time.Time{}
	if m.over() {
		m.retry = time.Now().Add(trimRetry)
	}
	now := t.marks[name]
	if now.head < m.head {
		m.from = 0 // it was cleared meanwhile
	}
	m.head, m.size = now.head, now.size
	*now = m
	if m.retry.IsZero() && m.over() {
		t.enqueue(name, now)
	}
}

func (t *trimmer) enter(names []string) {
	err := t.store.db.Run(t.ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, t.store.sql.enter, names)
		return err
	})
	if err != nil { // they are noted when they are read again
		t.store.trimFailed(t.ctx, fmt.Errorf("pgstore: enter: %w", err))
	}
}

// A pacer bounds a rate.
type pacer struct {
	rate int // rows a second
	debt time.Duration
}

// wait lets pass what so many rows take. It returns early when ctx ends.
func (p *pacer) wait(ctx context.Context, rows int) {
	p.debt += time.Duration(rows) * time.Second / time.Duration(p.rate)
	if p.debt >= 5*time.Millisecond {
		pause(ctx, p.debt)
		p.debt = 0
	}
}
