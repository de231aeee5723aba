package storetest

import (
	"context"
	"errors"

	"github.com/troupe-rt/troupe/topic"
)

// renewing returns the Log if it is a RenewingLog. Others promise nothing here.
func (s *scene) renewing() (topic.RenewingLog, bool) {
	log, ok := s.log.(topic.RenewingLog)
	return log, ok
}

func (s *scene) renew(log topic.RenewingLog, name, epoch string) {
	s.Helper()
	if err := log.Renew(s.Context(), name, epoch); err != nil {
		s.Fatalf("Renew(%q, %q): %v", name, epoch, err)
	}
}

func renewChangesEpoch(s *scene) {
	log, ok := s.renewing()
	if !ok {
		return
	}
	keep := s.remembering(60)
	before := s.append("t", keep, withID("1", "a"), entry("b")).Epoch
	other := s.append("u", keep, entry("a")).Epoch
	s.renew(log, "t", before)
	p := s.want("t", keep, 2, "a", "b")
	if p.Head.Epoch == before {
		s.Errorf("Renew left the epoch %q", before)
	}
	a := s.append("t", keep, withID("1", "again"), entry("c"))
	s.wantResults(a, -1, 3)
	if a.Epoch != p.Head.Epoch {
		s.Errorf("epoch %q, Read said %q", a.Epoch, p.Head.Epoch)
	}
	if got := s.head("u").Epoch; got != other {
		s.Errorf("another topic's epoch %q became %q", other, got)
	}
}

// renewOnce: several nodes notice the same thing, and receivers are told once.
func renewOnce(s *scene) {
	log, ok := s.renewing()
	if !ok {
		return
	}
	first := s.append("t", plenty, entry("a")).Epoch
	s.renew(log, "t", first)
	second := s.head("t").Epoch
	for _, epoch := range []string{first, "", "never", second + "x"} {
		s.renew(log, "t", epoch)
		if got := s.head("t").Epoch; got != second {
			s.Errorf("Renew(%q) made epoch %q to %q", epoch, second, got)
		}
	}
	s.renew(log, "none", "never") // that there is no such topic is fine
	s.want("t", plenty, 1, "a")
}

func renewSaysWhen(s *scene) {
	if _, ok := s.renewing(); !ok {
		return
	}
	for range 3 {
		a := s.append("t", plenty, entry("a"), entry("b"))
		p := s.read("t", a.Results[0].Seq-1, 2, plenty)
		for _, r := range p.Records {
			if r.At.UnixMilli() != a.At.UnixMilli() {
				s.Errorf("number %d came at %v, Append said %v", r.Seq, r.At, a.At)
			}
		}
		s.pass(0.1)
	}
}

func renewEnded(s *scene) {
	log, ok := s.renewing()
	if !ok {
		return
	}
	epoch := s.append("t", plenty, entry("a")).Epoch
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := log.Renew(ctx, "t", epoch); !errors.Is(err, context.Canceled) {
		s.Errorf("Renew: %v, want %v", err, context.Canceled)
	}
	if got := s.head("t").Epoch; got != epoch {
		s.Errorf("epoch %q became %q", epoch, got)
	}
}
