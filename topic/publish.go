package topic

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func (a *actor) onPublish(c *actors.Context[message], m *publish) {
	a.m.published.Inc()
	if m.held() {
		return
	}
	if !a.policy.HasHistory() {
		a.publishLive(m)
		return
	}
	if len(a.batch) >= maxInHand {
		a.m.refused.Inc()
		m.answer(Receipt{}, ErrOverloaded)
		return
	}
	a.batch = append(a.batch, m)
	if len(a.batch) >= maxAppend {
		a.write(c)
	}
}

// publishLive accepts an event of a topic without history. It leaves with the
// next Flush.
func (a *actor) publishLive(m *publish) {
	if m.id != "" && a.policy.Dedup > 0 && a.ids.seen(m.id, time.Now(), a.policy.Dedup) {
		a.m.duplicates.Inc()
		m.answer(Receipt{Duplicate: true}, nil)
		return
	}
	a.live = append(a.live, m.event.seal(Position{}, time.Time{}))
	m.answer(Receipt{}, nil)
}

// write gives the batch in hand to the Log, unless one is still there: what
// gathers meanwhile is the next batch, so a slow Log gets few and large ones.
func (a *actor) write(c *actors.Context[message]) {
	for !a.writing && a.unheld() {
		batch := a.cut()
		entries := make([]Entry, len(batch))
		for i, p := range batch {
			entries[i] = Entry{ID: p.id, Name: p.event.Name(), Data: p.event.Data()}
		}
		a.writing = true
		a.m.batchSize.Observe(float64(len(batch)))
		log, name, keep := a.keep.log, a.name, a.policy.retention()
		a.inLog(c, func(ctx context.Context) message {
			answer, err := log.Append(ctx, name, entries, keep)
			if err == nil && len(answer.Results) != len(entries) {
				err = errShortAnswer
			}
			return &appended{batch: batch, answer: answer, err: err}
		}, func(err error) message { return &appended{batch: batch, err: err} })
	}
}

// cut takes the next batch off what is in hand.
func (a *actor) cut() []*publish {
	n, size := 0, 0
	for n < len(a.batch) && n < maxAppend {
		size += len(a.batch[n].event.wire)
		if n > 0 && size > maxAppendBytes {
			break
		}
		n++
	}
	batch := a.batch[:n:n]
	a.batch = a.batch[n:]
	if len(a.batch) == 0 {
		a.batch = nil
	}
	return batch
}

func (a *actor) onAppended(c *actors.Context[message], m *appended) {
	a.writing = false
	if m.err != nil {
		a.m.failed.Inc()
		failAll(m.batch, unavailable(a.name, "append", m.err))
		// The Log may have kept the batch all the same; then receivers get it by
		// way of the hole that the next number leaves, or of this look.
		a.behind = a.behind || (len(a.members) > 0 && a.state.known)
		if a.behind {
			a.later(c, retryWait)
		}
		return
	}
	at := m.answer.At
	if at.IsZero() {
		at = time.Now()
	}
	fresh := make([]*Event, 0, len(m.batch))
	for i, p := range m.batch {
		if r := m.answer.Results[i]; !r.Duplicate {
			fresh = append(fresh, p.event.seal(Position{m.answer.Epoch, r.Seq}, at))
		}
	}
	a.take(c, m.answer.Epoch, fresh)
	a.announce(c, m.answer.Epoch, fresh)
	a.remind(c, m.answer.Epoch, m.answer.Results)
	for i, p := range m.batch {
		r := m.answer.Results[i]
		if r.Duplicate {
			a.m.duplicates.Inc()
		}
		m.batch[i] = nil
		p.answer(Receipt{Position{m.answer.Epoch, r.Seq}, r.Duplicate}, nil)
	}
	a.write(c)
}

// take files numbered events and delivers what is in order.
func (a *actor) take(c *actors.Context[message], epoch string, evs []*Event) {
	foreign := a.state.known && epoch != a.state.epoch
	ready, behind := a.state.accept(epoch, evs)
	a.deliver(ready)
	if a.state.doubt {
		a.doubtful(c)
	}
	switch {
	case !behind:
		if len(evs) > 0 {
			a.behind = false
		}
	case len(a.members) == 0 && len(a.joins) == 0:
		a.forgetOrder() // nobody lacks anything
	case a.keep.local || foreign:
		a.behind = true
		a.repair(c)
	case !a.behind:
		a.m.holes.Inc()
		a.behind = true
		a.later(c, holeWait)
	}
	if len(a.joins) > 0 {
		a.settle(c)
	}
}
