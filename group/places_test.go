package group

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestPlaces has one place be entered again and again, and the answers be what they may.
func TestPlaces(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	for _, c := range []struct {
		name    string
		answers []error // to as many joins that are asked for at once, of u0, u1, ...
		leave   int     // after so many answers; -1: the place is lost after the first
		want    []string
	}{
		{"one", []error{nil}, 1, []string{"join u0", "leave u0"}},
		{"refused", []error{bad}, 1, nil},
		{"refused after", []error{nil, bad, bad}, 3, []string{"join u0", "leave u0"}},
		{"refused between", []error{nil, bad, nil}, 3, []string{"join u0", "join u2", "leave u0", "leave u2"}},
		{"left before the answer", []error{nil}, 0, []string{"join u0", "leave u0"}},
		{"left before the second answer", []error{nil, nil}, 1, []string{"join u0", "leave u0", "join u1", "leave u1"}},
		{"lost", []error{nil}, -1, []string{"join u0", "leave u0"}},
		{"lost while joining again", []error{nil, nil}, -1, []string{"join u0", "leave u0", "join u1", "leave u1"}},
		{"lost, and then refused", []error{nil, bad}, -1, []string{"join u0", "leave u0"}},
		{"left before it is refused", []error{nil, bad}, 1, []string{"join u0", "leave u0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls []string
			note := func(what string) func(string, Member) {
				return func(_ string, m Member) { calls = append(calls, what+" "+m.Key) }
			}
			m := newMetrics(nil, nil)
			h := startHooks(Hooks{OnJoin: note("join"), OnLeave: note("leave")}, m, quiet)
			p := newPlaces(h)
			at := place{receiver: 1}
			var stays []*stay
			for i := range c.answers {
				stays = append(stays, p.begin("g", m.of("*"), at, Member{Key: fmt.Sprint("u", i)}))
			}
			for i, err := range c.answers {
				if c.leave == i {
					p.left("g", at)
				}
				p.answered(stays[i], err)
				if c.leave == -1 && i == 0 {
					p.ended("g", at)
				}
			}
			if c.leave == len(c.answers) {
				p.left("g", at)
			}
			p.left("g", at)
			if err := h.stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(calls, c.want) {
				t.Errorf("called %q, want %q", calls, c.want)
			}
			if len(p.groups) != 0 {
				t.Errorf("%d groups are remembered", len(p.groups))
			}
		})
	}
}
