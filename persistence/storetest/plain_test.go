package storetest

import (
	"context"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A plainLog is the least that passes the suite. Every fault in breaks makes it fail; see
// TestSuiteCatches.
type plainLog struct {
	mu     sync.Mutex
	topics map[string]*plainTopic
	lives  int
	passed atomic.Int64 // by its clock, where that is not the real one
	faults
}

type plainTopic struct {
	epoch   string
	head    uint64
	records []topic.Record
	ids     map[string]plainID
}

type plainID struct {
	seq uint64
	at  time.Time
}

// faults change a plainLog where they are not nil.
type faults struct {
	now      func() time.Time                              // the clock
	name     func(name string) string                      // before a topic is looked up
	batch    func(batch []topic.Entry) []topic.Entry       // before it is appended
	idKey    func(name, id string) (string, string)        // which topic remembers an identifier as what
	keep     func(keep topic.Retention) topic.Retention    // before it is applied
	ctx      func(ctx context.Context) context.Context     // before it is asked
	appended func(p *plainTopic, a *topic.Appended)        // after an append, under the lock
	trimmed  func(p *plainTopic)                           // after records were dropped
	page     func(p *topic.Page, after uint64, limit int)  // before it is returned
	clear    func(l *plainLog, name string) bool           // instead of clearing, if true
	gap      func()                                        // between numbering and keeping, without the lock
	fresh    func(l *plainLog, name string, p *plainTopic) // when a topic is made
	hit      func(id *plainID, now time.Time)              // when an identifier is found
	cost     func(p *plainTopic)                           // in every read
	renew    func(p *plainTopic, epoch string) bool        // instead of renewing, if true
}

func newPlain(f faults) *plainLog {
	l := &plainLog{topics: make(map[string]*plainTopic), faults: f}
	def := &l.faults
	or(&def.now, time.Now)
	or(&def.name, func(n string) string { return n })
	or(&def.batch, func(b []topic.Entry) []topic.Entry { return b })
	or(&def.idKey, func(n, id string) (string, string) { return n, id })
	or(&def.keep, func(k topic.Retention) topic.Retention { return k })
	or(&def.ctx, func(c context.Context) context.Context { return c })
	or(&def.appended, func(*plainTopic, *topic.Appended) {})
	or(&def.trimmed, func(*plainTopic) {})
	or(&def.page, func(*topic.Page, uint64, int) {})
	or(&def.clear, func(*plainLog, string) bool { return false })
	or(&def.fresh, func(*plainLog, string, *plainTopic) {})
	or(&def.hit, func(*plainID, time.Time) {})
	or(&def.cost, func(*plainTopic) {})
	or(&def.renew, func(*plainTopic, string) bool { return false })
	return l
}

// or sets a function that is nil.
func or[F any](f *F, otherwise F) {
	if reflect.ValueOf(*f).IsNil() {
		*f = otherwise
	}
}

func (l *plainLog) topic(name string) *plainTopic {
	name = l.name(name)
	p := l.topics[name]
	if p == nil {
		l.lives++
		p = &plainTopic{epoch: strconv.Itoa(l.lives), ids: make(map[string]plainID)}
		l.fresh(l, name, p)
		l.topics[name] = p
	}
	return p
}

func (l *plainLog) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	if err := l.ctx(ctx).Err(); err != nil {
		return topic.Appended{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	keep = l.keep(keep)
	a := topic.Appended{Epoch: l.topic(name).epoch, At: l.now()}
	for _, e := range l.batch(batch) {
		a.Results = append(a.Results, l.add(name, e, keep))
	}
	p := l.topic(name)
	l.trim(p, keep)
	l.appended(p, &a)
	return a, nil
}

func (l *plainLog) add(name string, e topic.Entry, keep topic.Retention) topic.Result {
	p := l.topic(name)
	owner, key := l.idKey(name, e.ID)
	ids := l.topic(owner).ids
	now := l.now()
	if id, ok := ids[key]; ok && e.ID != "" && keep.Dedup > 0 && now.Sub(id.at) <= keep.Dedup {
		l.hit(&id, now)
		ids[key] = id
		return topic.Result{Seq: id.seq, Duplicate: true}
	}
	seq := p.head + 1
	if l.gap != nil {
		l.mu.Unlock()
		l.gap()
		l.mu.Lock()
	}
	p.head = seq
	p.records = append(p.records, topic.Record{Seq: seq, At: now, Name: e.Name, Data: e.Data})
	ids[key] = plainID{seq, now}
	return topic.Result{Seq: seq}
}

func (l *plainLog) trim(p *plainTopic, keep topic.Retention) {
	n := len(p.records)
	p.records = p.records[max(0, n-keep.Size):]
	for keep.TTL > 0 && len(p.records) > 0 && l.now().Sub(p.records[0].At) > keep.TTL {
		p.records = p.records[1:]
	}
	if len(p.records) < n {
		l.trimmed(p)
	}
}

func (l *plainLog) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	if err := l.ctx(ctx).Err(); err != nil {
		return topic.Page{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topic(name)
	l.trim(p, l.keep(keep))
	l.cost(p)
	page := topic.Page{Head: topic.Position{Epoch: p.epoch, Seq: p.head}, Oldest: p.head + 1 - uint64(len(p.records))}
	if after < p.head {
		skip := max(after+1, page.Oldest) - page.Oldest
		kept := p.records[skip:]
		page.Records = append(page.Records, kept[:min(limit, len(kept))]...)
	}
	l.page(&page, after, limit)
	return page, nil
}

func (l *plainLog) Clear(ctx context.Context, name string) error {
	if err := l.ctx(ctx).Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.clear(l, name) {
		delete(l.topics, l.name(name))
	}
	return nil
}

func (l *plainLog) Renew(ctx context.Context, name, epoch string) error {
	if err := l.ctx(ctx).Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topic(name)
	if !l.renew(p, epoch) && p.epoch == epoch {
		l.lives++
		p.epoch = strconv.Itoa(l.lives)
	}
	return nil
}

func renumberPlain(t T, log topic.Log, name string, seq uint64) {
	l := log.(*plainLog)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topic(name).head = seq
}
