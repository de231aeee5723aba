package ratelimit

import "slices"

// A Window is a fixed window.
type Window struct {
	Used int64
	End  int64 // 0: none has begun
}

func (w *Window) settle(now int64, t Terms) (odd bool) {
	odd = w.End > now+t.Interval
	w.End = min(w.End, now+t.Interval)
	if w.End <= now {
		*w = Window{}
	}
	return odd
}

func (w *Window) free(t Terms) int64 { return max(t.Points-w.Used, 0) }

func (w *Window) spend(now, points int64, t Terms) {
	if w.End == 0 {
		w.End = now + t.Interval
	}
	w.Used += points
}

func (w *Window) lease(now, points int64, t Terms) int64 {
	w.spend(now, points, t)
	return min(w.End, now+t.Lease)
}

func (w *Window) next(now int64, t Terms) int64 { return max(w.End-now, 0) }

func (w *Window) full(now int64, t Terms) int64 { return max(w.End-now, 0) }

// A Log is a sliding window: what was consumed, in strips. A strip comes back as a
// whole, when the last of it is an Interval old.
type Log struct {
	Strips []Strip // oldest first
	Begun  int64   // when the last one began
}

// A Strip is what was consumed within a strip's time.
type Strip struct {
	Until  int64 // when it comes back
	Points int64
}

func (l *Log) settle(now int64, t Terms) (odd bool) {
	l.Strips = slices.DeleteFunc(l.Strips, func(s Strip) bool { return s.Until <= now })
	most := now + t.Lease + t.Interval
	for i := range l.Strips {
		odd = odd || l.Strips[i].Until > most
		l.Strips[i].Until = min(l.Strips[i].Until, most)
	}
	if len(l.Strips) == 0 {
		*l = Log{}
	}
	return odd
}

func (l *Log) free(t Terms) int64 {
	left := t.Points
	for _, s := range l.Strips {
		left -= s.Points
	}
	return max(left, 0)
}

func (l *Log) spend(now, points int64, t Terms) { l.add(now, now+t.Interval, points, t) }

// lease counts points as if they were used at the last moment at which they may be.
func (l *Log) lease(now, points int64, t Terms) int64 {
	l.add(now, now+t.Lease+t.Interval, points, t)
	return now + t.Lease
}

func (l *Log) add(now, until, points int64, t Terms) {
	if n := len(l.Strips); n > 0 {
		last := &l.Strips[n-1]
		until = max(until, last.Until)
		if l.Begun <= now && now < l.Begun+t.Strip {
			last.Until = until
			last.Points += points
			return
		}
	}
	l.Strips = append(l.Strips, Strip{until, points})
	l.Begun = now
}

func (l *Log) next(now int64, _ Terms) int64 {
	if len(l.Strips) == 0 {
		return 0
	}
	return l.Strips[0].Until - now
}

func (l *Log) full(now int64, _ Terms) int64 {
	if len(l.Strips) == 0 {
		return 0
	}
	return l.Strips[len(l.Strips)-1].Until - now
}
