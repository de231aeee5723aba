package settings

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
)

// presence and cursors read true, false, or a group of settings, which turns it on.
func (r *reader) presence(p *presence.Policy) func(string, *value) {
	return r.onOff(&p.Off, map[string]func(string, *value){
		"key":       r.text(filled(&p.Key, "name a field of the user's data, such as id")),
		"grace":     r.text(timeFrom0(&p.Grace)),
		"heartbeat": r.text(timeFrom0(&p.Heartbeat)),
	})
}

func (r *reader) cursors(p *cursor.Policy) func(string, *value) {
	return r.onOff(&p.Off, map[string]func(string, *value){
		"throttle": r.text(orNone(&p.Throttle, true)),
		"tick":     r.text(orNone(&p.Tick, true)),
		"ttl":      r.text(orNone(&p.TTL, false)),
	})
}

func (r *reader) onOff(off *bool, branches map[string]func(string, *value)) func(string, *value) {
	return func(key string, v *value) {
		switch {
		case v.kind == kindObject:
			*off = false
			r.object(key, v, branches)
		case v.kind != kindScalar:
			r.wrongKind(key, v, kindScalar)
		case v.text == "true" || v.text == "false":
			*off = v.text == "false"
		default:
			r.fault(key, v.at, fmt.Errorf("must be true, false or a group of settings, not %q", clip(v.text)))
		}
	}
}

// groups reads the list of policies. An empty list allows no group.
func (r *reader) groups(key string, v *value) {
	r.entries(key, v, nil, func(i int, key string, v *value) {
		var p group.Policy
		r.group(key, v, &p)
		r.into.Groups = append(r.into.Groups, p)
	})
}

func (r *reader) group(key string, v *value, p *group.Policy) {
	before := len(r.faults)
	r.object(key, v, map[string]func(string, *value){
		"match":      r.text(filled(&p.Match, `"*" matches every group`)),
		"maxMembers": r.text(numberFrom(0, &p.MaxMembers)),
		"roles": func(key string, v *value) {
			list, ok := r.words(key, v)
			if p.Roles = list; ok && len(list) == 0 {
				r.fault(key, v.at, errors.New("lists no role; leave it out for member, admin, viewer"))
			}
		},
		"memberData": r.list(func(list []string) { p.MemberData = list }),
		"key":        r.text(func(text string) error { return p.Key.UnmarshalText([]byte(text)) }),
		"closedFor":  r.text(orNone(&p.ClosedFor, false)),
	})
	if p.Match == "" && len(r.faults) == before {
		r.fault(dot(key, "match"), v.at, errors.New(`is missing; name the groups, such as "lobby:*"`))
	}
}

// timeFrom0 reads a time that is not negative.
func timeFrom0(at *time.Duration) func(string) error {
	return func(text string) error {
		d, err := parseDuration(text)
		if err == nil && d < 0 {
			err = fmt.Errorf("must not be negative, not %s", d)
		}
		if err == nil {
			*at = d
		}
		return err
	}
}

func numberFrom(least int, at *int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > math.MaxInt32 {
			return fmt.Errorf("must be a whole number from %d, not %q", least, clip(text))
		}
		*at = n
		return nil
	}
}

// complete fills in the defaults that people can read. What a program gives as a
// function stays nil, which is the default too.
func complete(t *Topic) {
	p := &t.Presence
	if p.Off {
		*p = presence.Policy{Off: true}
	} else {
		*p = p.WithDefaults()
		p.Select = nil
	}
	c := &t.Cursors
	if c.Off {
		*c = cursor.Policy{Off: true}
	} else {
		*c = c.WithDefaults()
		c.Select = nil
	}
	p.Match, c.Match = t.Policy.Match, t.Policy.Match
}
