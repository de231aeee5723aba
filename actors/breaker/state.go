package breaker

import "time"

// A State is what a breaker thinks of its backend.
type State uint8

// The states. Their numbers are the values of the metric troupe_breaker_state.
const (
	Healthy State = iota // calls pass
	Probing              // one call passes to find out
	Broken               // no call passes
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Healthy:
		return "healthy"
	case Probing:
		return "probing"
	case Broken:
		return "broken"
	}
	return "unknown"
}

// A verdict is what a call's outcome says about the backend.
type verdict uint8

const (
	succeeded verdict = iota
	failed
	unclear // neither: the caller gave up, or the error was not the backend's
)

// A ticket says which call an outcome belongs to: the number of a probe, or one of
// these.
type ticket uint64

const (
	ordinary  ticket = 0          // let through by a healthy breaker
	anonymous ticket = ^ticket(0) // of a caller that can not tell; taken for the probe if there is one
)

// A machine is a breaker's state. It has no clock, no lock and no I/O.
type machine struct {
	threshold int
	reset     time.Duration // how long it stays broken
	probe     time.Duration // how long a probe may keep its place

	state    State
	failures int       // in a row, while healthy
	until    time.Time // broken until
	outage   uint64    // number of the present or last outage

	probing bool      // the place is taken
	giveUp  time.Time // when it is free again
	current ticket    // of the last probe

	moves []move // transitions that the driver has not taken yet
}

type move struct {
	from, to State
	outage   uint64
	at       time.Time
}

// allow decides about one call. When it refuses, wait says after what time asking
// again makes sense.
func (m *machine) allow(now time.Time) (t ticket, wait time.Duration, ok bool) {
	m.tick(now)
	switch m.state {
	case Healthy:
		return ordinary, 0, true
	case Broken:
		return 0, m.until.Sub(now), false
	}
	if m.probing && now.Before(m.giveUp) {
		return 0, m.giveUp.Sub(now), false
	}
	m.probing, m.giveUp = true, now.Add(m.probe)
	m.current++
	return m.current, 0, true
}

// report takes a call's outcome.
func (m *machine) report(now time.Time, t ticket, v verdict) {
	switch m.state {
	case Healthy:
		m.count(now, v)
	case Probing:
		if m.probing && (t == m.current || t == anonymous) {
			m.judge(now, v)
		}
	case Broken: // the outcome of a call from before
	}
}

func (m *machine) count(now time.Time, v verdict) {
	switch v {
	case succeeded:
		m.failures = 0
	case failed:
		if m.failures++; m.failures >= m.threshold {
			m.outage++
			m.breakNow(now)
		}
	}
}

func (m *machine) judge(now time.Time, v verdict) {
	m.probing = false
	switch v {
	case succeeded:
		m.heal(now)
	case failed:
		m.breakNow(now)
	}
}

// tick moves a broken machine on when its time has come.
func (m *machine) tick(now time.Time) {
	if m.state == Broken && !now.Before(m.until) {
		m.probing = false
		m.move(now, Probing)
	}
}

// heal makes it healthy whatever it was.
func (m *machine) heal(now time.Time) {
	m.failures, m.probing = 0, false
	m.move(now, Healthy)
}

func (m *machine) breakNow(now time.Time) {
	m.failures = 0
	m.until = now.Add(m.reset)
	m.move(now, Broken)
}

func (m *machine) move(now time.Time, to State) {
	if m.state != to {
		m.moves = append(m.moves, move{m.state, to, m.outage, now})
		m.state = to
	}
}
