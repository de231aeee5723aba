package pglease

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// errAnswer is an answer that our functions never give.
var errAnswer = errors.New("unexpected answer")

func encodeInfo(m lease.Member) (string, error) {
	if err := m.Validate(); err != nil {
		return "", err
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// A back is what a Renewal writes back, by columns.
type back struct {
	ids, incarnations, infos []string
	dead                     []bool
}

func backOf(rn lease.Renewal) (back, error) {
	b := back{ids: []string{}, incarnations: []string{}, infos: []string{}, dead: []bool{}} // nil would be NULL
	for i, group := range [][]lease.Member{rn.Members, rn.Dead} {
		for _, m := range group {
			info, err := encodeInfo(m)
			if err != nil {
				return b, err
			}
			b.ids, b.incarnations = append(b.ids, m.ID), append(b.incarnations, m.Incarnation)
			b.infos, b.dead = append(b.infos, info), append(b.dead, i == 1)
		}
	}
	return b, nil
}

// A row of what lease_renew answers.
type row struct {
	what, id, incarnation, info string
	ends                        time.Time
	done                        bool
}

type scanner interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// readView also tells whether anything ends later than it may.
func readView(rows scanner) (v lease.View, late bool, err error) {
	defer rows.Close()
	begun := false
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.what, &r.id, &r.incarnation, &r.info, &r.ends, &r.done); err != nil {
			return v, late, err
		}
		if begun != (r.what != "view") {
			return v, late, errAnswer
		}
		late = late || !begun && r.done
		if begun = true; !r.addTo(&v) {
			return v, late, errAnswer
		}
	}
	if err := rows.Err(); err != nil {
		return v, late, err
	}
	if !begun {
		return v, late, errAnswer
	}
	return v, late, nil
}

// addTo reports false for a row that makes no sense.
func (r *row) addTo(v *lease.View) bool {
	if r.what == "view" {
		standing, err1 := strconv.ParseUint(r.incarnation, 10, 8)
		invalid, err2 := strconv.Atoi(r.info)
		v.Standing, v.Invalid, v.Life, v.Now = lease.Standing(standing), invalid, []string{r.id}, r.ends
		return err1 == nil && err2 == nil && v.Standing <= lease.Claimed
	}
	if r.what == "life" {
		v.Life = append(v.Life, r.id)
		return true
	}
	m, named, fine := decodeMember(r.id, r.incarnation, r.info)
	if !named || !fine {
		v.Invalid++
	}
	switch {
	case r.what != "lease" && r.what != "dead":
		return false
	case !named:
	case r.what == "lease":
		v.Members = append(v.Members, lease.Lease{Member: m, Until: r.ends})
	default:
		v.Dead = append(v.Dead, lease.Death{Member: m, Until: r.ends, Done: r.done})
	}
	return true
}

// decodeMember reads a member from its name and what it says of itself. Where that makes no sense,
// fine is false, and the member has its name only.
func decodeMember(id, incarnation, info string) (m lease.Member, named, fine bool) {
	m = lease.Member{ID: id, Incarnation: incarnation}
	if !lease.Named(id, incarnation) {
		return m, false, false
	}
	if info == "" {
		return m, true, true
	}
	told := m
	if json.Unmarshal([]byte(info), &told) != nil || told.Validate() != nil {
		return m, true, false
	}
	return told, true, true
}
