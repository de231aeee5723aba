package actors

// drain handles messages until the queue is dry or a system message waits, and
// flushes what was handled.
func (c *cell[M]) drain() {
	limit := int32(c.keeper.kind.MaxBatch)
	for !c.urgent.Load() {
		if !c.refill() {
			if c.unflushed > 0 {
				c.flush()
			}
			return
		}
		c.look()
		m := c.cur[c.pos]
		c.pos++
		c.handling = true
		c.behavior.Handle(&c.self, m)
		c.handling = false
		clear(c.cur[c.pos-1 : c.pos])
		if c.unflushed++; c.unflushed >= limit {
			c.flush()
		}
	}
}

// refill reports whether cur holds a message, taking all that wait if need be.
// The two queues change places, so that a busy actor allocates none.
func (c *cell[M]) refill() bool {
	if c.pos < len(c.cur) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) == 0 {
		return false
	}
	c.cur, c.in, c.pos = c.in, c.cur[:0], 0
	return true
}

// flush counts the batch as flushed first: a Flush that panics is called again
// by the restart, not by the count.
func (c *cell[M]) flush() {
	c.unflushed = 0
	c.behavior.Flush(&c.self)
}

// look shows the behavior the notices that it has not seen. Each is marked seen
// before it is shown, so that one that panics is not shown again.
func (c *cell[M]) look() {
	posted := c.keeper.system.notices.posted.Load()
	if posted == nil || posted.epoch == c.seen {
		return
	}
	h, ok := c.behavior.(NoticeHandler[M])
	if !ok {
		c.seen = posted.epoch
		return
	}
	for _, n := range posted.notices {
		if n.epoch > c.seen {
			c.seen = n.epoch
			h.HandleNotice(&c.self, n.value)
		}
	}
}

// takeInHand returns the message whose handling panicked, if one was.
func (c *cell[M]) takeInHand() (m M, ok bool) {
	if !c.handling {
		return m, false
	}
	c.handling = false
	m = c.cur[c.pos-1]
	clear(c.cur[c.pos-1 : c.pos])
	return m, true
}
