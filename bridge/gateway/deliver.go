package gateway

import "time"

// send writes a chunk to a session, after the direct frames that wait for it.
func (s *shard) send(to *session, c *chunk, t terms) {
	res := to.out.send(s.w, to.pending, c, t, s.now)
	if to.pending != nil {
		to.pending = to.pending[:0]
	}
	s.tally.writes += res.writes
	s.tally.bytes += res.bytes
	if res.blocked {
		s.g.m.slow.Inc()
	}
	if res.dropped > 0 {
		s.g.m.dropped.WithLabelValues(t.slow.String()).Add(float64(res.dropped))
	}
	if res.overflow {
		s.g.m.dropped.WithLabelValues("closed").Add(float64(c.count()))
		to.shutNow(CloseSlow, "slow consumer")
	}
}

// append adds frames to what goes to one session at the end of the round.
func (s *shard) append(to *session, frames []byte) {
	s.update(to, func(b []byte) []byte { return append(b, frames...) })
}

// update is append for frames that are written in place.
func (s *shard) update(to *session, write func([]byte) []byte) {
	if len(to.pending) == 0 {
		s.dirty = append(s.dirty, to)
	}
	to.pending = write(to.pending)
}

// flushDirty writes what has gathered for single sessions, each in one call.
func (s *shard) flushDirty() {
	for i, to := range s.dirty {
		s.flush(to)
		to.pending = nil // an idle connection holds no buffer
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
}

func (s *shard) flush(to *session) {
	if len(to.pending) > 0 {
		s.send(to, nil, terms{})
	}
}

func (s *shard) published(to *session, p *publication) {
	if p.err != nil {
		v := to.verdict("publish", p.err)
		s.update(to, func(b []byte) []byte { return appendPublishDenied(b, p.ref, v) })
	} else if p.ref != nil {
		s.update(to, func(b []byte) []byte { return appendPublished(b, p.ref, p.receipt) })
	}
}

// sweep looks after everything about sessions that has to do with time. There is
// no timer per connection.
func (s *shard) sweep() {
	o := &s.g.o
	now := s.now.UnixNano()
	for _, x := range s.sessions {
		silent := time.Duration(now - x.conn.lastIn.Load())
		switch {
		case !x.identity.ExpiresAt.IsZero() && !s.now.Before(x.identity.ExpiresAt):
			x.shutNow(CloseUnauthenticated, "credentials expired")
		case silent >= o.IdleTimeout:
			x.shutNow(CloseGoingAway, "idle")
		case silent >= o.IdleTimeout/2 && now-x.pinged >= int64(o.IdleTimeout)/4:
			x.pinged = now
			x.out.ping()
		case x.out.quiet(now) >= o.PingAfter:
			s.append(x, textPing)
		}
	}
}
