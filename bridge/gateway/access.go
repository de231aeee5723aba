package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/topic"
)

// An AccessRule says who may use the topics that a pattern matches.
type AccessRule struct {
	// Match is a pattern as in topic.Policy.
	Match string

	// Subscribe lists who may subscribe, of anyone, authenticated, role:NAME
	// and none; one that fits is enough.
	//
	// Defaults to anyone.
	Subscribe []string

	// Publish lists who may publish, of anyone, authenticated, members (who
	// follow the topic), role:NAME and server (no client); one that fits is
	// enough.
	//
	// Defaults to anyone.
	Publish []string
}

// Access decides by rules. Its methods are the hooks CanSubscribe and
// CanPublish. It is immutable.
type Access struct{ rules []accessRule }

type accessRule struct {
	match              string
	subscribe, publish audienceRule
}

// audienceRule is a list of who, parsed.
type audienceRule struct {
	anyone, authenticated, members bool
	roles                          []string
}

// NewAccess checks the rules. The first whose pattern fits a topic decides; a
// topic that none fits is refused, except that without any rule all is allowed.
// The error joins everything that is wrong, naming the rule's index and field.
func NewAccess(rules []AccessRule) (*Access, error) {
	a := &Access{}
	var faults []error
	for i, r := range rules {
		subscribe, err := parseWho(r.Subscribe, "none", "anyone", "authenticated", "none")
		if err != nil {
			faults = append(faults, fmt.Errorf("gateway: access rule %d (%s): subscribe: %w", i, r.Match, err))
		}
		publish, err := parseWho(r.Publish, "server", "anyone", "authenticated", "members", "server")
		if err != nil {
			faults = append(faults, fmt.Errorf("gateway: access rule %d (%s): publish: %w", i, r.Match, err))
		}
		if r.Match == "" {
			faults = append(faults, fmt.Errorf("gateway: access rule %d: match: must not be empty", i))
		}
		a.rules = append(a.rules, accessRule{r.Match, subscribe, publish})
	}
	return a, errors.Join(faults...)
}

// parseWho reads a list of words. nobody is the word for an empty audience.
func parseWho(words []string, nobody string, known ...string) (audienceRule, error) {
	var who audienceRule
	if len(words) == 0 {
		return audienceRule{anyone: true}, nil
	}
	var faults []error
	for _, w := range words {
		role, isRole := strings.CutPrefix(w, "role:")
		switch {
		case isRole && role != "":
			who.roles = append(who.roles, role)
		case isRole:
			faults = append(faults, errors.New("role: needs a name, as in role:admin"))
		case !slices.Contains(known, w):
			faults = append(faults, fmt.Errorf("%q is not one of %s, role:NAME", w, strings.Join(known, ", ")))
		case w == nobody && len(words) > 1:
			faults = append(faults, fmt.Errorf("%s must stand alone", nobody))
		}
	}
	who.anyone = slices.Contains(words, "anyone")
	who.authenticated = slices.Contains(words, "authenticated")
	who.members = slices.Contains(words, "members")
	return who, errors.Join(faults...)
}

// CanSubscribe is for Options.CanSubscribe.
func (a *Access) CanSubscribe(_ context.Context, c *Client, name string) error {
	r, err := a.rule(name)
	if err != nil || r == nil {
		return err
	}
	return r.subscribe.admit(c.Identity(), false)
}

// CanPublish is for Options.CanPublish.
func (a *Access) CanPublish(_ context.Context, c *Client, name, _ string, _ json.RawMessage) error {
	r, err := a.rule(name)
	if err != nil || r == nil {
		return err
	}
	return r.publish.admit(c.Identity(), r.publish.members && c.Follows(name))
}

// rule returns the first that fits, nil if there are no rules at all.
func (a *Access) rule(name string) (*accessRule, error) {
	if len(a.rules) == 0 {
		return nil, nil
	}
	for i := range a.rules {
		if topic.Match(a.rules[i].match, name) {
			return &a.rules[i], nil
		}
	}
	return nil, ErrForbidden
}

// admit decides. Somebody anonymous is told to log in where that could help.
func (w *audienceRule) admit(who Identity, member bool) error {
	switch {
	case w.anyone, member, w.authenticated && who.ID != "":
		return nil
	case slices.ContainsFunc(w.roles, who.HasRole):
		return nil
	case who.ID == "" && (w.authenticated || len(w.roles) > 0):
		return ErrUnauthenticated
	}
	return ErrForbidden
}
