package doctor

import (
	"cmp"
	"slices"
)

// A Verdict says how bad a finding is.
type Verdict string

// Verdicts, from fine to bad. Unknown is what could not be looked at.
const (
	OK      Verdict = "ok"
	Unknown Verdict = "unknown"
	Warn    Verdict = "warn"
	Fail    Verdict = "fail"
)

// A Finding is one thing that was looked at.
type Finding struct {
	Backend string  `json:"backend"`          // redis or postgres
	Check   string  `json:"check"`            // version, memory, persistence ...
	Verdict Verdict `json:"verdict"`          //
	Server  string  `json:"server,omitempty"` // whose, where there are several
	What    string  `json:"what"`             // what is
	Effect  string  `json:"effect"`           // what it does to Troupe's guarantees
	Fix     string  `json:"fix,omitempty"`    // what to run or to change; "" if all is well
}

// A Report is all that was found.
type Report struct {
	Redis    string    `json:"redis,omitempty"` // the URL, without its secrets
	Postgres string    `json:"postgres,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// The values of Finding.Backend.
const (
	backendRedis    = "redis"
	backendPostgres = "postgres"
)

// Join is the report on both; nil stands for one that was not examined.
func Join(a, b *Report) *Report {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	found := slices.Concat(a.Findings, b.Findings)
	return &Report{Redis: cmp.Or(a.Redis, b.Redis), Postgres: cmp.Or(a.Postgres, b.Postgres), Verdict: worst(found), Findings: found}
}

// of names the backend in each.
func of(backend string, found []Finding) []Finding {
	for i := range found {
		found[i].Backend = backend
	}
	return found
}

var severity = map[Verdict]int{OK: 0, Unknown: 1, Warn: 2, Fail: 3}

// worst is the verdict on all.
func worst(findings []Finding) Verdict {
	if len(findings) == 0 {
		return OK
	}
	return slices.MaxFunc(findings, func(a, b Finding) int {
		return cmp.Compare(severity[a.Verdict], severity[b.Verdict])
	}).Verdict
}

func (r *Report) count(v Verdict) (n int) {
	for _, f := range r.Findings {
		if f.Verdict == v {
			n++
		}
	}
	return n
}
