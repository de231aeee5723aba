package pglease

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// FuzzParse reads members as anyone may have written them: what is reported is valid and
// reads the same again.
func FuzzParse(f *testing.F) {
	f.Add("a", "1", "")
	f.Add("node 1", "abc", `{"address":"10.0.0.1:80","version":"v1","started":"2026-01-02T03:04:05Z"}`)
	f.Add(" ", "abc", `{"id":"other","incarnation":"x"}`)
	f.Add("a", "", "{")
	f.Add("\xff", "1", "[]")
	f.Add("a", "1", `{"address":"`+strings.Repeat("a", 600)+`"}`)
	f.Fuzz(func(t *testing.T, id, incarnation, info string) {
		m, named, fine := decodeMember(id, incarnation, info)
		if !named {
			if fine || lease.Named(m.ID, m.Incarnation) {
				t.Fatalf("%q %q refused", id, incarnation)
			}
			return
		}
		if err := m.Validate(); err != nil || m.ID != id || m.Incarnation != incarnation {
			t.Fatalf("%+v, %v", m, err)
		}
		again, err := encodeInfo(m)
		if err != nil {
			t.Fatal(err)
		}
		if m2, _, fine := decodeMember(id, incarnation, again); !fine || m2 != m && !m2.Started.Equal(m.Started) {
			t.Fatalf("%+v written as %s and read as %+v", m, again, m2)
		}
	})
}

// answer are rows as the database could answer them.
type answer struct {
	rows []row
	err  error
}

func (a *answer) Next() bool { return len(a.rows) > 0 }

func (a *answer) Scan(dest ...any) error {
	r := a.rows[0]
	a.rows = a.rows[1:]
	for i, text := range []string{r.what, r.id, r.incarnation, r.info} {
		*dest[i].(*string) = text
	}
	*dest[4].(*time.Time), *dest[5].(*bool) = r.ends, r.done
	return nil
}

func (a *answer) Err() error { return a.err }

func (a *answer) Close() {}

func TestReadView(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1000)
	head, member := row{"view", "life", "0", "3", now, false}, row{"lease", "a", "1", "", now, false}
	v, late, err := readView(&answer{rows: []row{head, {"life", "other", "", "", now, false}, member, {"dead", "b", "1", "{", now, true}, {"lease", "c", "", "", now, false}}})
	if err != nil || late || len(v.Members) != 1 || len(v.Dead) != 1 || !v.Dead[0].Done || v.Invalid != 5 || !v.Now.Equal(now) || !slices.Equal(v.Life, []string{"life", "other"}) {
		t.Errorf("%+v, %v", v, err)
	}
	for name, a := range map[string]*answer{
		"nothing":         {},
		"no head":         {rows: []row{member}},
		"two heads":       {rows: []row{head, head}},
		"no standing":     {rows: []row{{"view", "life", "x", "0", now, false}}},
		"no such one":     {rows: []row{{"view", "life", "3", "0", now, false}}},
		"no number":       {rows: []row{{"view", "life", "0", "", now, false}}},
		"another kind":    {rows: []row{head, {"x", "a", "1", "", now, false}}},
		"ends with error": {rows: []row{head}, err: errors.New("lost")},
	} {
		if _, _, err := readView(a); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}
