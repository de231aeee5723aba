package bustest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// scene is a Scene in a case.
type scene struct {
	T
	*Scene
	patience time.Duration
}

// What a record holds: a frame, or the end of an interruption.
type happening struct {
	frame    string
	restored bool
	since    time.Time
	at       time.Time
}

// A record is a Sink that remembers.
type record struct {
	mu    sync.Mutex
	saw   map[string][]happening
	grown chan struct{} // replaced at each happening
}

func newRecord() *record {
	return &record{saw: make(map[string][]happening), grown: make(chan struct{})}
}

// Received implements topic.Sink.
func (r *record) Received(name string, frame []byte) {
	r.add(name, happening{frame: string(frame), at: time.Now()})
	// The frame is this Sink's to keep, and so to spoil.
	clear(frame)
}

// Restored implements topic.Sink.
func (r *record) Restored(name string, since time.Time) {
	r.add(name, happening{restored: true, since: since, at: time.Now()})
}

func (r *record) add(name string, h happening) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saw[name] = append(r.saw[name], h)
	close(r.grown)
	r.grown = make(chan struct{})
}

func (r *record) of(name string) ([]happening, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.saw[name]), r.grown
}

// frames is what arrived, without the rest.
func (r *record) frames(name string) []string {
	saw, _ := r.of(name)
	var frames []string
	for _, h := range saw {
		if !h.restored {
			frames = append(frames, h.frame)
		}
	}
	return frames
}

func (r *record) restorations(name string) []happening {
	saw, _ := r.of(name)
	return slices.DeleteFunc(saw, func(h happening) bool { return !h.restored })
}

// wait waits until what was seen of a topic is enough.
func (s *scene) wait(r *record, name, what string, enough func(saw []happening) bool) []happening {
	s.Helper()
	late := time.NewTimer(s.patience)
	defer late.Stop()
	for {
		saw, grown := r.of(name)
		if enough(saw) {
			return saw
		}
		select {
		case <-grown:
		case <-late.C:
			s.Fatalf("topic %q: no %s came; saw %s", name, what, short(saw))
		}
	}
}

func (s *scene) waitFrame(r *record, name, frame string) {
	s.Helper()
	s.wait(r, name, "frame "+frame, func(saw []happening) bool {
		return slices.ContainsFunc(saw, func(h happening) bool { return !h.restored && h.frame == frame })
	})
}

func (s *scene) waitRestored(r *record, name string, times int) {
	s.Helper()
	s.wait(r, name, "restoration", func(saw []happening) bool {
		n := 0
		for _, h := range saw {
			if h.restored {
				n++
			}
		}
		return n >= times
	})
}

// eventually waits for what nobody announces.
func (s *scene) eventually(what string, holds func() bool) {
	s.Helper()
	late := time.NewTimer(s.patience)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			s.Fatalf("it never came to be that %s", what)
		}
	}
}

func short(saw []happening) string {
	text := fmt.Sprintf("%d happenings", len(saw))
	for _, h := range saw[max(0, len(saw)-8):] {
		if h.restored {
			text += fmt.Sprintf(", restored since -%v", h.at.Sub(h.since))
		} else {
			text += fmt.Sprintf(", %.40q", h.frame)
		}
	}
	return text
}

// within is a context that ends with the case's patience.
func (s *scene) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.Context(), s.patience)
}

func (s *scene) follow(node int, name string, r *record) {
	s.Helper()
	ctx, cancel := s.within()
	defer cancel()
	if err := s.Nodes[node].Follow(ctx, name, r); err != nil {
		s.Fatalf("node %d: Follow(%q): %v", node, name, err)
	}
}

func (s *scene) publish(node int, name, frame string) {
	s.Helper()
	ctx, cancel := s.within()
	defer cancel()
	if err := s.Nodes[node].Publish(ctx, name, []byte(frame)); err != nil {
		s.Fatalf("node %d: Publish(%q): %v", node, name, err)
	}
}

// insist publishes until it succeeds.
func (s *scene) insist(node int, name, frame string) {
	s.Helper()
	s.eventually("publishing works again", func() bool {
		ctx, cancel := s.within()
		defer cancel()
		return s.Nodes[node].Publish(ctx, name, []byte(frame)) == nil
	})
}

// want compares all frames of a topic, behind which is the last one.
func (s *scene) want(r *record, name string, frames ...string) {
	s.Helper()
	s.waitFrame(r, name, frames[len(frames)-1])
	if got := r.frames(name); !slices.Equal(got, frames) {
		s.Errorf("topic %q: got %.200q, want %.200q", name, got, frames)
	}
}

// fresh is a topic that nobody else uses.
func fresh(name string) string { return fmt.Sprintf("%s-%x", name, rand.Uint64()) }
