package redisbus

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// pings are the messages to oneself that are under way on a link. Bus.mu guards them.
type pings struct {
	id   string // of the link, so that what an earlier one sent is not taken for its own
	last uint64
	out  []ping // not heard yet, oldest first

	// Ticks are counted, not time: after the whole process stood still, what waits in
	// the socket gets its chance to be read.
	ticks  int // since the connection began
	missed int // in a row with a ping to be heard, and nothing heard
}

type ping struct {
	number uint64
	at     time.Time
	taken  bool // Redis has it
}

// keepPinging tries the connection until it fails or is not needed.
func (l *link) keepPinging(ctx context.Context) error {
	l.pings.id = rand.Text()
	ticker := time.NewTicker(l.bus.cfg.Ping)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if err := l.fault(); err != nil {
			return err
		}
		number, payload := l.nextPing(time.Now())
		// A failure is the breaker's business.
		err := l.bus.send(ctx, l.probe, payload)
		l.pinged(number, err == nil)
	}
}

// keepAsking tries the server while there is no connection to hear a ping on. By
// that the breaker learns that it is gone, and that it is back.
func (b *Bus) keepAsking(ctx context.Context) {
	ticker := time.NewTicker(b.cfg.Ping)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.mu.RLock()
		hears := b.homeLink != nil && b.homeLink.up
		b.mu.RUnlock()
		if !hears {
			_ = b.send(ctx, b.home, nil) // the outcome is the breaker's
		}
	}
}

func (l *link) nextPing(now time.Time) (number uint64, payload []byte) {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	p := &l.pings
	p.last++
	p.out = append(p.out, ping{number: p.last, at: now})
	return p.last, []byte(p.id + " " + strconv.FormatUint(p.last, 10))
}

// pinged drops a ping that was not taken; from one that was an echo must come.
func (l *link) pinged(number uint64, taken bool) {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	p := &l.pings
	n := len(p.out)
	if n == 0 || p.out[n-1].number != number {
		return // it was heard already
	}
	p.out[n-1].taken = taken
	if !taken {
		p.out = p.out[:n-1]
	}
}

// heard takes an echo: whatever Redis was given before that ping has arrived.
func (l *link) heard(payload string) {
	id, text, _ := strings.Cut(payload, " ")
	number, err := strconv.ParseUint(text, 10, 64)
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	p := &l.pings
	if err != nil || id != p.id || number > p.last {
		return
	}
	p.missed = 0
	for len(p.out) > 0 && p.out[0].number <= number {
		if p.out[0].number == number {
			l.knownGood(p.out[0].at)
			l.bus.metrics.lag.Observe(time.Since(p.out[0].at).Seconds())
		}
		p.out = p.out[1:]
	}
}

// fault is called at every tick and says why the connection is to be given up, if it
// is.
func (l *link) fault() error {
	b := l.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &l.pings
	p.ticks++
	if len(p.out) > 0 && p.out[0].taken && !l.muted {
		p.missed++
	}
	switch {
	case l.muted && p.ticks > pingsMissed:
		return errPingLost
	case !l.up && p.ticks > pingsMissed, p.missed >= pingsMissed:
		return errSilent
	case len(l.entries) == 0 && l != b.homeLink:
		if b.links[l.opts.Addr] == l {
			delete(b.links, l.opts.Addr)
		}
		return errIdle
	}
	return nil
}
