package topic_test

import (
	"fmt"
	"sync"

	"github.com/troupe-rt/troupe/topic"
)

// An ear is an Outlet with one receiver, itself, that checks what it is given.
type ear struct {
	log   *ledger
	since *topic.Position

	mu     sync.Mutex
	at     topic.Position
	in     bool
	out    bool
	faults []string
	words  []string
}

func (e *ear) fault(format string, args ...any) {
	e.faults = append(e.faults, fmt.Sprintf(format, args...))
}

func (e *ear) Deliver(_ string, b *topic.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.in || e.out {
		e.fault("%s while it was not in", b.Events[0].JSON())
	}
	e.take(b.Events)
}

func (e *ear) Joined(_ string, _ any, j topic.Joined) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if j.Err != nil { // a log that is down refuses; that is fair
		e.words = append(e.words, "refused")
		return
	}
	e.words = append(e.words, fmt.Sprint("in@", j.Head))
	if e.in || e.out {
		e.fault("joined twice, or after it left")
	}
	e.in, e.at = true, j.Head
	if e.since != nil {
		e.at = *e.since
		if j.Missed != nil {
			e.take(j.Missed.Events)
		}
		if e.at != j.Head {
			e.fault("it joined at %v, and what it missed leads to %v", j.Head, e.at)
		}
	}
}

func (e *ear) Left(string, any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out = true
}

func (e *ear) Closed(string, error) {}

func (e *ear) take(events []*topic.Event) {
	for _, ev := range events {
		if l := ev.Loss(); l != nil {
			e.words = append(e.words, fmt.Sprintf("T(%d,%d,%v)", l.Since, l.Oldest, l.Head))
			if l.Stale || l.Since != e.at.Seq {
				e.fault("told of a loss since %d, it was at %v", l.Since, e.at)
			}
			if l.Head.Epoch == e.at.Epoch && l.Oldest <= e.at.Seq+1 {
				e.fault("told of a loss from %v to %d", e.at, l.Oldest)
			}
			e.at = topic.Position{Epoch: l.Head.Epoch, Seq: l.Oldest - 1}
			continue
		}
		p := ev.Position()
		e.words = append(e.words, fmt.Sprint(p.Seq))
		if p.Seq != e.at.Seq+1 || e.at.Epoch != "" && p.Epoch != e.at.Epoch {
			e.fault("%v after %v", p, e.at)
		}
		e.log.mu.Lock()
		if kept := e.log.kept[p]; kept != string(ev.Data()) {
			e.fault("%v has %s, the log %s", p, ev.Data(), kept)
		}
		e.log.mu.Unlock()
		e.at = p
	}
}
