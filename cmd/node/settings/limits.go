package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// limits reads the list of limits.
func (r *reader) limits(key string, v *value) {
	r.entries(key, v, nil, func(i int, key string, v *value) {
		var p ratelimit.Policy
		before := len(r.faults)
		r.object(key, v, map[string]func(string, *value){
			"name":     r.text(filled(&p.Name, "topics refer to the limit by it")),
			"kind":     r.text(func(text string) error { return p.Kind.UnmarshalText([]byte(text)) }),
			"points":   r.text(numberFrom(1, &p.Points)),
			"interval": r.text(orNone(&p.Interval, false)),
			"block":    r.text(timeFrom0(&p.Block)),
			"key":      r.text(func(text string) error { return p.By.UnmarshalText([]byte(text)) }),
			"lease":    r.text(numberFrom(0, &p.Lease)),
		})
		if len(r.faults) == before {
			r.missing(key, v, "name", "points", "interval")
		}
		r.into.Limits = append(r.into.Limits, p)
	})
}

// missing says which fields an object lacks that it must have.
func (r *reader) missing(key string, v *value, fields ...string) {
	for _, name := range fields {
		if !slices.ContainsFunc(v.fields, func(f member) bool { return f.key == name }) {
			r.fault(dot(key, name), v.at, errors.New("is missing"))
		}
	}
}

// checkLimits looks at each limit, and at what refers to one.
func (l *Loaded) checkLimits(broken bool, add func(string, error)) {
	for i, p := range l.Limits {
		key := fmt.Sprintf("limits[%d]", i)
		if l.spoilt[key] {
			continue
		}
		for _, err := range p.Faults() {
			addNamed(key, err, add)
		}
		if slices.ContainsFunc(l.Limits[:i], func(o ratelimit.Policy) bool { return o.Name == p.Name }) {
			add(key+".name", fmt.Errorf("%q is there twice", clip(p.Name)))
		}
	}
	if broken {
		return
	}
	for i, t := range l.Topics {
		add(fmt.Sprintf("topics[%d].limit", i), l.undefined(t.Limit))
	}
	add("gateway.frameLimit", l.undefined(l.Gateway.FrameLimit))
	add("gateway.upgradeLimit", l.undefined(l.Gateway.UpgradeLimit))
	if p, ok := l.limit(l.Gateway.UpgradeLimit); ok && p.By == ratelimit.ByConnection {
		add("gateway.upgradeLimit", fmt.Errorf("%q counts by connection, and who connects has none yet; give the limit the key address or identity", clip(p.Name)))
	}
}

func (l *Loaded) limit(name string) (ratelimit.Policy, bool) {
	i := slices.IndexFunc(l.Limits, func(p ratelimit.Policy) bool { return p.Name == name })
	if i < 0 {
		return ratelimit.Policy{}, false
	}
	return l.Limits[i], true
}

// undefined says that a name is not one of a limit.
func (l *Loaded) undefined(name string) error {
	if _, ok := l.limit(name); ok || name == "" {
		return nil
	}
	if len(l.Limits) == 0 {
		return fmt.Errorf("%q is not defined: there are no limits; list it under limits", clip(name))
	}
	known := make([]string, len(l.Limits))
	for i, p := range l.Limits {
		known[i] = clip(p.Name)
	}
	return fmt.Errorf("%q is not one of limits; there are %s", clip(name), strings.Join(known, ", "))
}
