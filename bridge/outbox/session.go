package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errEnd ends a leader whose topics are closed.
var errEnd = errors.New("outbox: the topics are closed")

const (
	// patience is how long one topic may keep the others from going on.
	patience = time.Second
	// maxWaiting is how many topics are left out of a reading at most.
	maxWaiting = 2000
	// latestWithin is how long a leader that stops waits for answers.
	latestWithin  = 10 * time.Second
	sampleEvery   = time.Second
	backlogEvery  = 5 * time.Second
	tidyEvery     = time.Minute
	withoutAnswer = 20 * time.Millisecond
)

// A session is one leadership: what is known while one connection lasts.
type session struct {
	f       *Forwarder
	q       *queue
	desk    *desk
	floor   floor
	rhythm  rhythm
	inbox   *inbox
	late    map[*lane]bool // not answered yet, while others have gone on
	did     []settled      // to be written down
	passed  bool           // rows were passed over, and may be read now
	idle    bool           // the last reading found nothing, and nothing waits
	sampled time.Time
	counted time.Time
	tidied  time.Time
	changed bool // since it was counted
}

func newSession(f *Forwarder, q *queue) *session {
	return &session{f: f, q: q, desk: newDesk(f.cfg, jittered), rhythm: rhythm{poll: f.cfg.Poll}, inbox: newInbox(),
		late: make(map[*lane]bool), changed: true}
}

// lead forwards until the connection is lost or stop ends. Ctx ends everything.
func (s *session) lead(ctx, stop context.Context) error {
	for stop.Err() == nil {
		if err := s.turn(ctx, stop); err != nil {
			return err
		}
	}
	return s.finish(ctx)
}

// turn is one reading, and all that comes of it.
func (s *session) turn(ctx, stop context.Context) error {
	if err := s.harvest(nil); err != nil {
		return err
	}
	now := time.Now()
	waiting, freed, next := s.desk.waiting(now)
	if freed || s.passed {
		s.floor.reset()
		s.passed = false
	}
	if len(waiting) > maxWaiting {
		return s.hold(ctx, stop, next)
	}
	rows, full, err := s.q.turn(ctx, s.did, s.floor.at, waiting, s.f.cfg.Batch, s.f.cfg.BatchBytes)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	s.did, s.idle = nil, len(rows) == 0 && len(waiting) == 0
	if len(rows) == 0 {
		s.floor.covered(everything, 0)
		return errors.Join(s.chores(ctx), s.rest(ctx, stop, next))
	}
	if err := s.serve(ctx, rows, full); err != nil {
		return err
	}
	return s.chores(ctx)
}

// serve publishes rows, and waits for the answers for a while.
func (s *session) serve(ctx context.Context, rows []row, full bool) error {
	s.changed = true
	s.f.metrics.rounds.Inc()
	if s.rhythm.hit() {
		if err := s.q.sleep(ctx, false); err != nil {
			return fmt.Errorf("stay awake: %w", err)
		}
	}
	open := make(map[*lane]bool)
	for _, l := range lanes(rows) {
		l.post(s.f.cfg.Topics, s.q.prefix(), s.desk.limit(l.topic, len(l.rows)), s.inbox)
		open[l] = true
	}
	err := s.await(ctx, open)
	for l := range open {
		l.late, s.late[l] = true, true
		s.desk.keep(l.topic)
	}
	last := rows[len(rows)-1].seq
	if full {
		s.floor.covered(last-1, last)
	} else {
		s.floor.covered(everything, last)
	}
	return err
}

// await takes answers until all lanes are settled, or patience ends.
func (s *session) await(ctx context.Context, open map[*lane]bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for l := range open { // a topic that refused the first row has nothing to answer
		if l.open == 0 {
			delete(open, l)
			if err := s.judge(l); err != nil {
				return err
			}
		}
	}
	for len(open) > 0 {
		select {
		case <-s.inbox.signal:
			if err := s.harvest(open); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// harvest takes what topics have answered. Lanes that are settled leave open.
func (s *session) harvest(open map[*lane]bool) error {
	for _, a := range s.inbox.take() {
		l := a.lane
		l.answers[a.i] = a.err
		if a.duplicate {
			s.f.metrics.duplicates.Inc()
		}
		if l.open--; l.open > 0 {
			continue
		}
		delete(open, l)
		delete(s.late, l)
		if err := s.judge(l); err != nil {
			return err
		}
	}
	return nil
}

// judge settles a lane.
func (s *session) judge(l *lane) error {
	all, leftover, end := s.desk.judge(l.outcome, time.Now())
	s.did = append(s.did, all...)
	s.passed = s.passed || leftover || l.late
	s.f.tell(l.outcome, all)
	if end {
		return errEnd
	}
	return nil
}
