package ratelimit

// A Level is how much of a bucket was taken out. See Terms for its units.
type Level struct {
	Debt  int64 // what is missing from a full bucket
	At    int64 // when that was so
	Token int64 // the units of a point, as counted here

	// What was leased out until Slot ends may be used until then, so there is no room for
	// it in the bucket before: else a burst could be both. Leases of one slot end together.
	Leased int64
	Slot   int64
}

func (l *Level) settle(now int64, t Terms) (odd bool) {
	if l.Token == 0 {
		*l = Level{At: now, Token: t.Token}
	}
	if l.Token != t.Token { // counted under other terms
		l.Debt = min(ceilDiv(l.Debt, l.Token), t.Points) * t.Token
		l.Token, odd = t.Token, true
	}
	odd = odd || l.At > now || l.Slot > now+t.Lease || l.Leased > t.Points || l.Debt > t.Points*t.Token
	l.At = min(l.At, now)
	l.Slot = min(l.Slot, now+t.Lease)
	l.Leased = min(l.Leased, t.Points)
	l.Debt = min(l.Debt, t.Points*t.Token)
	if l.Leased > 0 && l.Slot > l.At {
		l.drain(min(now, l.Slot), l.Leased*t.Token, t)
	}
	if l.Slot <= now {
		l.Leased, l.Slot = 0, 0
		l.drain(now, 0, t)
	}
	return odd
}

// drain refills the bucket until a moment, but for what has no room in it.
func (l *Level) drain(until, floor int64, t Terms) {
	refill := min(until-l.At, t.Interval) * t.Rate
	l.Debt = max(l.Debt-refill, min(l.Debt, floor))
	l.At = until
}

func (l *Level) free(t Terms) int64 { return (t.Points*t.Token - l.Debt) / t.Token }

func (l *Level) spend(_, points int64, t Terms) { l.Debt += points * t.Token }

func (l *Level) lease(now, points int64, t Terms) int64 {
	if l.Slot == 0 {
		l.Slot = now + t.Lease
	}
	l.Leased += points
	l.Debt += points * t.Token
	return l.Slot
}

func (l *Level) next(now int64, t Terms) int64 {
	if l.Debt == 0 {
		return 0
	}
	want := (t.Points - l.free(t) - 1) * t.Token // the debt at which there is one more
	return l.wait(now, want, t)
}

func (l *Level) full(now int64, t Terms) int64 { return l.wait(now, 0, t) }

// wait is how long it takes until the debt has shrunk to want.
func (l *Level) wait(now, want int64, t Terms) int64 {
	if l.Debt <= want {
		return 0
	}
	floor := l.Leased * t.Token
	if want >= floor {
		return ceilDiv(l.Debt-want, t.Rate)
	}
	slot := l.Slot - now
	after := max(l.Debt-slot*t.Rate, floor)
	return slot + ceilDiv(max(after-want, 0), t.Rate)
}
