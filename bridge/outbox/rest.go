package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// rest waits until something may be there. Next is when a topic is to be tried again, zero: none is.
func (s *session) rest(ctx, stop context.Context, next time.Time) error {
	wait, sleep := s.rhythm.miss()
	if sleep {
		if err := s.q.sleep(ctx, true); err != nil {
			return fmt.Errorf("sleep: %w", err)
		}
	}
	if !next.IsZero() {
		wait = min(wait, max(time.Until(next), 0))
	}
	if len(s.late) > 0 {
		s.listen(stop, min(wait, withoutAnswer))
		return nil
	}
	if wait <= 0 {
		return nil
	}
	_, err := s.q.await(stop, wait)
	return ignoreStop(stop, err)
}

// listen waits for an answer of a topic.
func (s *session) listen(stop context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-s.inbox.signal:
		s.inbox.again()
	case <-timer.C:
	case <-stop.Done():
	}
}

// hold lets topics that wait pass their time, as there are too many to leave out.
func (s *session) hold(ctx, stop context.Context, next time.Time) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	d := withoutAnswer
	if len(s.late) > 0 {
		s.listen(stop, d)
		return nil
	}
	if !next.IsZero() {
		d = max(time.Until(next), time.Millisecond)
	}
	_, err := s.q.await(stop, min(d, s.f.cfg.Poll))
	return errors.Join(ignoreStop(stop, err), s.chores(ctx))
}

// flush writes down what was settled.
func (s *session) flush(ctx context.Context) error {
	if len(s.did) == 0 {
		return nil
	}
	if err := s.q.settle(ctx, s.did); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	s.did = nil
	return nil
}

// finish takes the answers that are still to come, and writes down what there is.
func (s *session) finish(ctx context.Context) error {
	timer := time.NewTimer(latestWithin)
	defer timer.Stop()
	var end error
	for end == nil && len(s.late) > 0 {
		select {
		case <-s.inbox.signal:
			end = s.harvest(nil)
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		break
	}
	return errors.Join(end, s.flush(ctx))
}

// chores are done now and then, not on a timer.
func (s *session) chores(ctx context.Context) error {
	now := time.Now()
	if s.floor.wants() && now.Sub(s.sampled) >= sampleEvery {
		s.sampled = now
		drawing, err := s.q.drawing(ctx)
		if err != nil {
			return fmt.Errorf("look who commits: %w", err)
		}
		s.floor.sampled(drawing)
	}
	if s.changed && now.Sub(s.counted) >= backlogEvery || now.Sub(s.counted) >= tidyEvery {
		if err := s.count(ctx, now); err != nil {
			return err
		}
	}
	if now.Sub(s.tidied) < tidyEvery {
		return nil
	}
	s.tidied = now
	adopted, err := s.q.tidy(ctx, s.f.cfg.KeepDead, s.idle)
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	if adopted > 0 {
		s.f.cfg.Logger.Warn("outbox had rows without a ticket: was its trigger switched off?", "rows", adopted)
	}
	return nil
}

func (s *session) count(ctx context.Context, now time.Time) error {
	b, err := s.q.backlog(ctx)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	s.counted, s.changed = now, b.Pending > 0
	s.f.metrics.shows(b)
	return nil
}

func ignoreStop(stop context.Context, err error) error {
	if stop.Err() != nil {
		return nil
	}
	return err
}

// jittered is between half of a time and all of it.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
