package redisbus

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	portion    = 1000 // channels in one command
	unanswered = 4000 // channels under way: what the server answers must fit into its buffer
)

var (
	errIdle     = errors.New("redisbus: connection is not needed any more")
	errSilent   = errors.New("redisbus: what was published did not come back")
	errUnasked  = errors.New("redisbus: an answer to nothing that was asked")
	errMoved    = errors.New("redisbus: the channel has moved to another server")
	errPingLost = errors.New("redisbus: the server refuses the channel of the ping")
)

// A link is one connection, from dialling until it is lost; then there is another.
// Reader, writer and ping are a goroutine each, and end together. Bus.mu guards
// what is below it.
type link struct {
	bus     *Bus
	opts    *redis.Options
	sharded bool
	probe   string // its own channel, on which the ping comes back
	wake    chan struct{}
	began   time.Time

	entries  map[*entry]struct{}
	dirty    []*entry  // in which order they asked
	pending  []command // sent; the answers come in this order
	inflight int       // channels in pending
	up       bool
	muted    bool      // the server refuses the probe's channel
	good     time.Time // all that was published before was received
	pings    pings
}

// A command was sent. Its answers are one confirmation per channel, or one error.
type command struct {
	what    step
	entries []*entry
	probe   bool
	left    int
	at      time.Time
}

func newLink(b *Bus, opts *redis.Options, channel string) *link {
	l := &link{
		bus: b, opts: opts, sharded: b.conn.Cluster(), probe: b.home, wake: make(chan struct{}, 1),
		began: time.Now(), entries: make(map[*entry]struct{}),
	}
	l.good = l.began
	// On a Cluster the probe must be in a slot of this master.
	if _, tag, ok := strings.Cut(channel, "{"); ok && l.sharded {
		tag, _, _ = strings.Cut(tag, "}")
		l.probe += "{" + tag + "}"
	}
	return l
}

func (l *link) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cause := l.live(ctx, cancel)
	l.bus.lost(l, cause)
}

// live returns why the connection ended.
func (l *link) live(ctx context.Context, cancel context.CancelCauseFunc) error {
	first := command{what: subscribe, probe: true, left: 1, at: l.began}
	l.bus.mu.Lock()
	l.pending, l.inflight = append(l.pending, first), 1
	l.bus.mu.Unlock()
	n, err := openLine(ctx, l.opts, l.sharded, l.probe)
	if err != nil {
		return err
	}
	defer n.close()
	var rest sync.WaitGroup
	rest.Go(func() { cancel(l.write(ctx, n)) })
	rest.Go(func() { cancel(l.keepPinging(ctx)) })
	cancel(l.read(ctx, n))
	rest.Wait()
	return context.Cause(ctx)
}

// write asks the server for what became due while the last answer was on its way.
func (l *link) write(ctx context.Context, n *line) error {
	for {
		cmds := l.take()
		for _, c := range cmds {
			names := make([]string, len(c.entries))
			for i, e := range c.entries {
				names[i] = e.channel
			}
			if err := n.ask(ctx, c.what, l.sharded, names...); err != nil {
				return err
			}
		}
		if len(cmds) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.wake:
		}
	}
}

// take makes commands of what is due, and files them before they are sent.
func (l *link) take() []command {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	// While an answer is on its way what becomes due gathers, up to a full command.
	if len(l.pending) > 0 && len(l.dirty) < portion || l.inflight+portion > unanswered {
		return nil
	}
	var cmds []command
	now := time.Now()
	n := 0
	for ; n < len(l.dirty) && l.inflight < unanswered; n++ {
		e := l.dirty[n]
		if e.link != l {
			continue // it has gone elsewhere meanwhile
		}
		e.listed = false
		what := e.next()
		if what != subscribe && what != unsubscribe {
			continue
		}
		e.sent(what)
		l.inflight++
		cmds = l.join(cmds, what, e, now)
	}
	if l.dirty = l.dirty[n:]; len(l.dirty) == 0 {
		l.dirty = nil
	}
	l.pending = append(l.pending, cmds...)
	return cmds
}

// join adds the entry to the last command, if that is for as many as it holds.
// On a Cluster a command is for one slot, and two topics are seldom in one.
func (l *link) join(cmds []command, what step, e *entry, now time.Time) []command {
	if n := len(cmds); n > 0 && !l.sharded && !e.alone {
		if last := &cmds[n-1]; last.what == what && last.left < portion && !last.entries[0].alone {
			last.entries = append(last.entries, e)
			last.left++
			return cmds
		}
	}
	return append(cmds, command{what: what, entries: []*entry{e}, left: 1, at: now})
}

// lost is the end of a link: its channels look for another one.
func (b *Bus) lost(l *link, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.links[l.opts.Addr] == l {
		delete(b.links, l.opts.Addr)
	}
	if b.homeLink == l {
		b.homeLink = nil
	}
	entries := l.entries
	l.entries, l.dirty, l.pending = nil, nil, nil
	for e := range entries {
		e.link, e.listed = nil, false
		e.lost(l.good)
		b.advance(e)
	}
	if b.closed || errors.Is(cause, errIdle) {
		return
	}
	p := b.patienceOf(l.opts.Addr)
	p.until = time.Now().Add(p.NextBackOff())
	if l.up {
		b.metrics.interruptions.Inc()
	}
	if !p.down {
		p.down = true
		b.log.Warn("relay interrupted", "err", cause)
	}
	b.relocate()
	b.wakePlacer()
}
