package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxFaults is how many faults of a file are told: who has more has given the
// wrong file.
const maxFaults = 50

// A reader walks the tree of a file, files what it says into Settings and
// collects everything that is wrong.
type reader struct {
	src    *source
	into   *Settings
	faults []*Fault
	marks  map[string]place // key to where the file has it
	spoilt map[string]bool  // entries of lists that could not be read as a whole
}

func (r *reader) fault(key string, at place, err error) {
	r.faults = append(r.faults, &Fault{Where: r.src.where(at), Key: key, Err: err, Excerpt: r.src.excerpt(at)})
}

// read does the whole file.
func (r *reader) read(root *value) {
	branches := map[string]func(string, *value){
		"auth":   r.auth,
		"topics": r.topics,
		"groups": r.groups,
		"limits": r.limits,
		"bridge": r.bridge,
	}
	for i := range scalars {
		s := &scalars[i]
		branches[s.key] = func(key string, v *value) { r.scalar(s, v) }
	}
	r.object("", root, branches)
}

// object hands each field to the branch of its name. A branch whose name has
// a dot, such as log.level, stands for a field of a nested object.
func (r *reader) object(key string, v *value, branches map[string]func(string, *value)) {
	if v.kind != kindObject {
		r.wrongKind(key, v, kindObject)
		return
	}
	for _, f := range v.fields {
		if len(r.faults) >= maxFaults {
			return
		}
		at := dot(key, f.key)
		r.marks[at] = f.at
		nested := inside(f.key, branches)
		switch branch := branches[f.key]; {
		case branch != nil:
			branch(at, f.value)
		case len(nested) > 0:
			r.object(at, f.value, nested)
		case elsewhere(at) != nil:
			r.fault(at, f.at, elsewhere(at))
		default:
			r.fault(at, f.at, unknown(f.key, heads(branches)))
		}
	}
}

// inside returns the branches below a name: of log.level and log.format, level
// and format for log.
func inside(name string, branches map[string]func(string, *value)) map[string]func(string, *value) {
	below := map[string]func(string, *value){}
	for k, branch := range branches {
		if rest, ok := strings.CutPrefix(k, name+"."); ok {
			below[rest] = branch
		}
	}
	return below
}

// heads are the names that may stand here, each once: log for log.level and log.format.
func heads(branches map[string]func(string, *value)) []string {
	all := map[string]bool{}
	for name := range branches {
		head, _, _ := strings.Cut(name, ".")
		all[head] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (r *reader) scalar(s *scalar, v *value) {
	text, ok := v.text, v.kind == kindScalar
	if s.key == "origins" && v.kind == kindList {
		list, fine := r.words(s.key, v)
		if !fine {
			return
		}
		text, ok = strings.Join(list, ","), true
	}
	if !ok {
		r.wrongKind(s.key, v, kindScalar)
		return
	}
	if err := s.set(r.into, text); err != nil {
		r.fault(s.key, v.at, err)
	}
}

// text gives a single value to take, whose error is a fault.
func (r *reader) text(take func(string) error) func(string, *value) {
	return func(key string, v *value) {
		if v.kind != kindScalar {
			r.wrongKind(key, v, kindScalar)
			return
		}
		if err := take(v.text); err != nil {
			r.fault(key, v.at, err)
		}
	}
}

// list gives all single values of a list to take.
func (r *reader) list(take func([]string)) func(string, *value) {
	return func(key string, v *value) {
		if list, ok := r.words(key, v); ok {
			take(list)
		}
	}
}

func (r *reader) words(key string, v *value) ([]string, bool) {
	if v.kind != kindList {
		r.wrongKind(key, v, kindList)
		return nil, false
	}
	list := make([]string, 0, len(v.items))
	for i, item := range v.items {
		at := fmt.Sprintf("%s[%d]", key, i)
		r.marks[at] = item.at
		if item.kind != kindScalar {
			r.wrongKind(at, item, kindScalar)
			return nil, false
		}
		list = append(list, item.text)
	}
	return list, true
}

// entries reads each entry of a list of objects; empty is what is wrong with a list that
// has none, nil if that is fine.
func (r *reader) entries(key string, v *value, empty error, read func(i int, key string, v *value)) {
	if v.kind != kindList {
		r.wrongKind(key, v, kindList)
		return
	}
	if len(v.items) == 0 && empty != nil {
		r.fault(key, v.at, empty)
	}
	for i, item := range v.items {
		at := fmt.Sprintf("%s[%d]", key, i)
		r.marks[at] = item.at
		before := len(r.faults)
		read(i, at, item)
		r.spoilt[at] = len(r.faults) > before
	}
}

func (r *reader) wrongKind(key string, v *value, want kind) {
	if v.kind == kindNull {
		if at, ok := r.marks[key]; ok {
			v = &value{at: at}
		}
		r.fault(key, v.at, errors.New("has no value; give it one or remove it"))
		return
	}
	r.fault(key, v.at, fmt.Errorf("must be %s, not %s", want, v.kind))
}

func dot(key, field string) string {
	if key == "" {
		return clip(field)
	}
	return key + "." + clip(field)
}
