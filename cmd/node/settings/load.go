package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Input is what the program was started with.
type Input struct {
	// Flags maps the name of a flag, without dashes, to the text that was
	// given. Names that are no setting are not looked at.
	Flags map[string]string

	// Env is the environment, NAME=value each. A variable with an empty value
	// counts as not set.
	Env []string

	// File is the name of the configuration file, "" if there is none, and
	// Text what stands in it.
	File string
	Text []byte

	// CheckJWT returns what is wrong with auth.jwt, as sentences that begin with
	// the name of a setting and a colon. May be nil.
	CheckJWT func(JWT) []error

	// CheckRedis, CheckPostgres and CheckPrefix return what is wrong with a URL
	// and a prefix, without a word of them. May be nil.
	CheckRedis, CheckPostgres, CheckPrefix func(string) error

	// CheckSchema returns what is wrong with a schema, or, if that is "", with the
	// one that is made of the prefix. May be nil.
	CheckSchema func(schema, prefix string) error
}

// Loaded is a whole configuration and where each part of it came from.
type Loaded struct {
	Settings

	origins map[string]string // key to "--listen", "TROUPE_LISTEN", "troupe.yaml:3"; absent: default
	marks   map[string]place
	spoilt  map[string]bool // entries of lists that could not be read as a whole
	src     *source
}

// Load puts the settings together: a flag wins over the environment, that over
// the file, and that over the default. The error joins a *Fault for everything
// that is wrong, also for values that another one overrides.
func Load(in Input) (*Loaded, error) {
	l := &Loaded{origins: map[string]string{}, marks: map[string]place{}, spoilt: map[string]bool{}, src: newSource(in.File, in.Text)}
	for i := range scalars {
		if err := scalars[i].set(&l.Settings, scalars[i].initial); err != nil {
			return nil, fmt.Errorf("settings: the default of %s %w", scalars[i].key, err)
		}
	}
	faults := l.fromFile(in)
	faults = append(faults, l.fromEnv(in.Env)...)
	faults = append(faults, l.fromFlags(in.Flags)...)
	l.defaultLists()
	l.completeBridge()
	faults = append(faults, l.check(len(faults) > 0, in)...)
	if len(faults) > 0 {
		return nil, join(faults)
	}
	return l, nil
}

func (l *Loaded) fromFile(in Input) []*Fault {
	if in.File == "" {
		return nil
	}
	root, wrong := parse(in.Text)
	if wrong != nil {
		return []*Fault{{Where: l.src.where(wrong.at), Err: wrong.err, Excerpt: l.src.excerpt(wrong.at)}}
	}
	if root == nil {
		return nil // an empty file asks for nothing
	}
	r := &reader{src: l.src, into: &l.Settings, marks: l.marks, spoilt: l.spoilt}
	r.read(root)
	for key, at := range r.marks {
		l.origins[key] = fmt.Sprintf("%s:%d", in.File, at.line)
	}
	return r.faults
}

func (l *Loaded) fromEnv(env []string) []*Fault {
	byName := map[string]*scalar{}
	for i := range scalars {
		byName[EnvName(FlagName(scalars[i].key))] = &scalars[i]
	}
	var faults []*Fault
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		if text == "" || !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		if s := byName[name]; s != nil {
			if err := s.set(&l.Settings, text); err != nil {
				faults = append(faults, &Fault{Where: name, Key: s.key, Err: err})
			}
			l.origins[s.key] = name
		} else if err := strayEnv(name, byName); err != nil {
			faults = append(faults, &Fault{Where: name, Err: err})
		}
	}
	return faults
}

// programEnv are variables of the program that are no settings of the node.
var programEnv = []string{"TROUPE_CONFIG", "TROUPE_URL", "TROUPE_TOKEN"}

// strayEnv finds mistyped settings. It leaves other
// variables alone: Kubernetes makes TROUPE_PORT and its like by itself for a
// service named troupe.
func strayEnv(name string, known map[string]*scalar) error {
	if slices.Contains(programEnv, name) {
		return nil
	}
	all := append(slices.Sorted(maps.Keys(known)), programEnv...)
	if best := Nearest(name, all); best != "" {
		return fmt.Errorf("is not a setting; did you mean %s?", best)
	}
	return nil
}

func (l *Loaded) fromFlags(flags map[string]string) []*Fault {
	var faults []*Fault
	for i := range scalars {
		s := &scalars[i]
		name := FlagName(s.key)
		text, given := flags[name]
		if !given {
			continue
		}
		if err := s.set(&l.Settings, text); err != nil {
			faults = append(faults, &Fault{Where: "--" + name, Key: s.key, Err: err})
		}
		l.origins[s.key] = "--" + name
	}
	return faults
}
