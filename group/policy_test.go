package group

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var quiet = slog.New(slog.DiscardHandler)

func TestPolicyFaults(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxRole+1)
	for want, p := range map[string]Policy{
		"match: ":      {Match: "a["},
		"maxMembers: ": {MaxMembers: -1},
		`roles: ""`:    {Roles: []string{""}},
		`roles: "a\""`: {Roles: []string{`a"`}},
		"roles: \"xx":  {Roles: []string{long}},
		"twice":        {Roles: []string{"a", "b", "a"}},
		"are more":     {Roles: make([]string, MaxRoles+1)},
		"memberData: ": {MemberData: []string{"a", ""}},
		"key: ":        {Key: 2},
		"closedFor: -": {ClosedFor: -1},
		"closedFor: ":  {ClosedFor: MaxClosed + 1},
		"meta: ":       {Meta: map[string]string{"": "x"}},
	} {
		if err := errors.Join(p.WithDefaults().Faults()...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if faults := (Policy{}).WithDefaults().Faults(); len(faults) > 0 {
		t.Errorf("the default: %v", faults)
	}
}

func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	p := Policy{}.WithDefaults()
	if p.Match != "*" || p.MaxMembers != 0 || p.ClosedFor != 24*time.Hour || p.Key != ByIdentity || p.MemberData != nil ||
		!slices.Equal(p.Roles, []string{"member", "admin", "viewer"}) {
		t.Errorf("%+v", p)
	}
	if role, err := p.Role(""); role != "member" || err != nil {
		t.Errorf("%q, %v", role, err)
	}
	if role, err := p.Role("viewer"); role != "viewer" || err != nil {
		t.Errorf("%q, %v", role, err)
	}
	if _, err := p.Role("king"); err == nil || err.Error() != `group: no role "king": there are member, admin, viewer` {
		t.Errorf("%v", err)
	}
}

func TestBy(t *testing.T) {
	t.Parallel()
	for _, by := range []By{ByIdentity, ByConnection} {
		text, err := by.MarshalText()
		var back By
		if err != nil || back.UnmarshalText(text) != nil || back != by || by.String() != string(text) {
			t.Errorf("%v: %s, %v, %v", by, text, back, err)
		}
	}
	var b By
	if err := b.UnmarshalText([]byte("name")); err == nil || By(7).String() != "By(7)" {
		t.Errorf("%v", err)
	}
}

func TestStartFaults(t *testing.T) {
	t.Parallel()
	_, err := Start(Config{Relay: noRelay{}, Timeout: -1, Policies: []Policy{{}, {Match: "a*", MaxMembers: -1}}})
	for _, want := range []string{"system is required", "store is required", "node is required", "timeout", `groups[1] (match "a*"): maxMembers`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	var fault *PolicyError
	if !errors.As(err, &fault) || fault.Index != 1 {
		t.Errorf("%v", fault)
	}
}

type noRelay struct{}

func (noRelay) Publish(context.Context, string, []byte) error    { return nil }
func (noRelay) Follow(context.Context, string, topic.Sink) error { return nil }
func (noRelay) Unfollow(string)                                  {}
