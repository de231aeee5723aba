package storetest

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A plainRosters is the least that passes the suite: the model with a lock around it. Every fault in
// rosterBreaks makes it fail.
type plainRosters struct {
	mu      sync.Mutex
	relay   topic.Relay
	rosters map[string]*plainRoster
	buried  map[string]bool
	epochs  int
	rosterFaults
}

type plainRoster struct {
	*rosterModel
	epoch string
	until time.Time // closed
}

// rosterFaults change a plainRosters where they are not nil.
type rosterFaults struct {
	ctx     func(ctx context.Context) context.Context
	allow   func(life string, all []roster.Op) bool
	name    func(name string) string                                             // before a roster is looked up
	ops     func(p *plainRoster, life string, all []roster.Op) []roster.Op       // before they are applied
	limit   func(p *plainRoster, max int) int                                    // before it is applied
	applied func(p *plainRoster, a *roster.Applied)                              // before it is returned
	frame   func(frame []byte) [][]byte                                          // before it is sent
	load    func(p *plainRoster, n *roster.Snapshot)                             // before it is returned
	check   func(p *plainRoster, n *roster.Standing)                             // before it is returned
	bury    func(s *plainRosters, life string, also []string) (instead bool)     // under the lock
	mark    func(life string) (buried string)                                    // who is refused from then on
	drop    func(p *plainRoster, life string) []roster.Change                    // instead of burying
	close   func(p *plainRoster, keep *time.Duration) (keeps func(*plainRoster)) // before it; the result after it
	reopen  func(p *plainRoster)                                                 // before it
	note    func(p *plainRoster, set map[string]*string)                         // before it
	notes   func(p *plainRoster) map[string]string                               // instead
	forget  func(p *plainRoster)                                                 // after an apply
	gap     func()                                                               // in the middle of an apply, without the lock
	empty   func(s *plainRosters) (instead bool)
}

func newPlainRosters(f rosterFaults) (*plainRosters, *membus.Bus) {
	bus := membus.New()
	s := &plainRosters{relay: bus.Node("store"), rosters: map[string]*plainRoster{}, buried: map[string]bool{}, rosterFaults: f}
	d := &s.rosterFaults
	or(&d.ctx, func(c context.Context) context.Context { return c })
	or(&d.allow, allowed)
	or(&d.name, func(n string) string { return n })
	or(&d.ops, func(_ *plainRoster, _ string, all []roster.Op) []roster.Op { return all })
	or(&d.limit, func(_ *plainRoster, n int) int { return n })
	or(&d.applied, func(*plainRoster, *roster.Applied) {})
	or(&d.frame, func(f []byte) [][]byte { return [][]byte{f} })
	or(&d.load, func(*plainRoster, *roster.Snapshot) {})
	or(&d.check, func(*plainRoster, *roster.Standing) {})
	or(&d.bury, func(*plainRosters, string, []string) bool { return false })
	or(&d.mark, func(life string) string { return life })
	or(&d.drop, func(p *plainRoster, life string) []roster.Change { return p.rosterModel.bury(life) })
	or(&d.close, func(*plainRoster, *time.Duration) func(*plainRoster) { return func(*plainRoster) {} })
	or(&d.reopen, func(*plainRoster) {})
	or(&d.note, func(*plainRoster, map[string]*string) {})
	or(&d.notes, func(p *plainRoster) map[string]string { return maps.Clone(p.rosterModel.notes) })
	or(&d.forget, func(*plainRoster) {})
	or(&d.empty, func(*plainRosters) bool { return false })
	return s, bus
}

// with runs f with a roster, under the lock.
func (s *plainRosters) with(ctx context.Context, name string, f func(p *plainRoster)) error {
	if err := s.ctx(ctx).Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.rosters[s.name(name)]
	if p == nil {
		p = &plainRoster{rosterModel: newRosterModel()}
		s.rosters[s.name(name)] = p
	}
	if p.closed && !time.Now().Before(p.until) {
		*p = plainRoster{rosterModel: newRosterModel()}
	}
	f(p)
	return nil
}

func (s *plainRosters) send(name string, frame []byte) {
	for _, f := range s.frame(frame) {
		_ = s.relay.Publish(context.Background(), name, f)
	}
}

// tell numbers and sends what the model has changed.
func (s *plainRosters) tell(name string, p *plainRoster, changes []roster.Change) {
	if len(changes) == 0 {
		return
	}
	if p.epoch == "" {
		s.epochs++
		p.epoch = strconv.Itoa(s.epochs)
	}
	s.send(name, roster.AppendChange(nil, p.epoch, p.version, changes))
}

func (s *plainRosters) Apply(ctx context.Context, name, life string, all []roster.Op, limit int) (a roster.Applied, err error) {
	if !s.allow(life, all) {
		return a, errors.New("not allowed")
	}
	failed := s.with(ctx, name, func(p *plainRoster) {
		if s.buried[life] {
			err = roster.ErrBuried
			return
		}
		if s.gap != nil {
			version := p.version
			s.mu.Unlock()
			s.gap()
			s.mu.Lock()
			p.version = version
		}
		a.Changes, a.Refused, err = p.apply(life, s.ops(p, life, all), s.limit(p, limit))
		s.tell(name, p, a.Changes)
		a.Epoch, a.Version, a.Count = p.epoch, p.version, len(p.members)
		s.applied(p, &a)
		s.forget(p)
	})
	return a, errors.Join(failed, err)
}

func allowed(life string, all []roster.Op) bool {
	keys := map[string]bool{}
	for _, op := range all {
		if op.Key == "" || len(op.Key) > roster.MaxKey || keys[op.Key] || op.Value != nil && len(op.Value) == 0 || len(op.Value) > roster.MaxValue {
			return false
		}
		keys[op.Key] = true
	}
	return life != "" && !strings.Contains(life, " ") && len(all) <= roster.MaxOps
}

func (s *plainRosters) Load(ctx context.Context, name string) (n roster.Snapshot, err error) {
	err = s.with(ctx, name, func(p *plainRoster) {
		n = roster.Snapshot{Epoch: p.epoch, Version: p.version, Closed: p.closed, Members: p.snapshot()}
		s.load(p, &n)
	})
	return n, err
}

func (s *plainRosters) Check(ctx context.Context, name string) (n roster.Standing, err error) {
	err = s.with(ctx, name, func(p *plainRoster) {
		n = roster.Standing{Epoch: p.epoch, Version: p.version, Closed: p.closed, Lives: p.lives()}
		s.check(p, &n)
	})
	return n, err
}

func (s *plainRosters) Bury(ctx context.Context, life string, also ...string) error {
	if err := s.ctx(ctx).Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bury(s, life, also) {
		return nil
	}
	s.buried[s.mark(life)] = true
	for name, p := range s.rosters {
		if p.lives()[life] > 0 {
			if err := s.ctx(ctx).Err(); err != nil {
				return err
			}
			s.buryOn(name, p, life)
		}
	}
	return nil
}

// buryOn drops some members at a time, as a frame has a bound.
func (s *plainRosters) buryOn(name string, p *plainRoster, life string) {
	changes := s.drop(p, life)
	for from := 0; from < len(changes); from += roster.MaxOps {
		if from > 0 {
			p.version++
		}
		s.tell(name, p, changes[from:min(from+roster.MaxOps, len(changes))])
	}
}

func (s *plainRosters) Close(ctx context.Context, name string, keep time.Duration) error {
	return s.with(ctx, name, func(p *plainRoster) {
		after := s.close(p, &keep)
		p.end(true)
		p.until = time.Now().Add(keep)
		after(p)
		s.send(name, roster.AppendClosed(nil, p.epoch))
	})
}

func (s *plainRosters) Reopen(ctx context.Context, name string) error {
	return s.with(ctx, name, func(p *plainRoster) {
		s.reopen(p)
		if p.closed {
			*p = plainRoster{rosterModel: newRosterModel()}
		}
	})
}

func (s *plainRosters) Notes(ctx context.Context, name string) (n map[string]string, err error) {
	err = s.with(ctx, name, func(p *plainRoster) { n = s.notes(p) })
	return n, err
}

func (s *plainRosters) Note(ctx context.Context, name string, set map[string]*string) (err error) {
	failed := s.with(ctx, name, func(p *plainRoster) {
		s.note(p, set)
		err = p.rosterModel.note(set)
	})
	return errors.Join(failed, err)
}

func (s *plainRosters) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.empty(s) {
		s.rosters, s.buried = map[string]*plainRoster{}, map[string]bool{}
	}
}
