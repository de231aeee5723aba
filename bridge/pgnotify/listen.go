package pgnotify

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

const (
	// electEvery is how often a node that stands by asks whether the leader is gone.
	electEvery = 250 * time.Millisecond

	// vanished bounds how long the server takes to notice that a leader is gone which could not say so; see elect.
	vanished = 6 * time.Second
)

// listen starts the connections: one for all channels that need no election and for what nodes tell each
// other, and one for each of the others, whose lock lives and dies with it.
func (b *Bridge) listen() {
	var shared []string
	for _, l := range b.lines {
		if !b.leads(l.channel) {
			shared = append(shared, l.channel.Name)
			continue
		}
		b.listeners = append(b.listeners, b.cfg.DB.Listen(pgdb.ListenConfig{
			Role: "notify " + l.channel.Name, Channels: []string{l.channel.Name},
			Received: l.received, Listening: l.takesOver, Lost: l.lost, Elect: l.elect, Poll: electEvery,
			Keepalive: b.cfg.Keepalive, MinWait: min(100*time.Millisecond, b.cfg.MaxWait), MaxWait: b.cfg.MaxWait,
		}))
	}
	if len(shared) < len(b.lines) {
		shared = append(shared, b.controlChannel())
	}
	s := &sharedListener{bridge: b}
	b.listeners = append(b.listeners, b.cfg.DB.Listen(pgdb.ListenConfig{
		Role: "notify", Channels: shared, Received: s.received, Listening: s.listening, Lost: s.lost,
		Keepalive: b.cfg.Keepalive, MinWait: min(100*time.Millisecond, b.cfg.MaxWait), MaxWait: b.cfg.MaxWait,
	}))
}

// A sharedListener is that of the channels that every node takes. Its methods run on the Listener's goroutine.
type sharedListener struct {
	bridge *Bridge
	failed bool // a connection was lost, or could not be had
}

func (s *sharedListener) received(n pgdb.Notification) {
	if n.Channel == s.bridge.controlChannel() {
		s.bridge.told(n.Payload)
		return
	}
	if l := s.bridge.byName[n.Channel]; l != nil {
		l.received(n)
	}
}

func (s *sharedListener) listening(since time.Time) {
	if since.IsZero() && s.failed {
		since = s.bridge.started
	}
	s.failed = false
	for _, l := range s.bridge.lines {
		switch {
		case !s.bridge.leads(l.channel):
			l.listens(since)
		case !since.IsZero() && !l.listening(): // a change of the leader may have been missed
			l.gap(since, true)
		}
	}
}

func (s *sharedListener) lost(err error) {
	s.failed = true
	for _, l := range s.bridge.lines {
		if !s.bridge.leads(l.channel) {
			l.lost(err)
		}
	}
}

// elect takes the channel's lock, which this session then has. The server is told to look after connections that say
// nothing: the lock of a node that lost power must not outlive it by hours.
func (l *line) elect(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var ours bool
	err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1), set_config('tcp_keepalives_idle', '2', false),
		set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '3', false),
		set_config('tcp_user_timeout', '5000', false)`, l.bridge.cfg.DB.LockKey("notify:"+l.channel.Name)).
		Scan(&ours, nil, nil, nil, nil)
	if err != nil || ours {
		return ours, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stoodBy, l.state.Standby = time.Now(), true
	l.once.Do(func() { close(l.ready) })
	return false, nil
}

// takesOver is called when this node leads. What was notified since the last leader had its connection is
// lost to all nodes, and they are told.
func (l *line) takesOver(since time.Time) {
	l.mu.Lock()
	if before := l.stoodBy.Add(-vanished); !l.stoodBy.IsZero() && before.After(since) {
		since = before // there was a leader then
	}
	if since.IsZero() && l.failed {
		since = l.bridge.started
	}
	l.mu.Unlock()
	flag(l.metrics.leading, true)
	l.listens(since)
	if since.IsZero() {
		since = time.Now().Add(-vanished) // this node knows of none, but others may
	}
	l.bridge.announcer.owe(l.channel.Name, "", since)
}

// listens is called when the line gets what is notified from now on, and what was after since may be missed.
func (l *line) listens(since time.Time) {
	l.mu.Lock()
	again := !l.state.Since.IsZero()
	l.state.Listening, l.state.Standby, l.state.Since = true, false, time.Now()
	if again {
		l.state.Reconnects++
		l.metrics.reconnects.Inc()
	}
	l.failed = false
	l.mu.Unlock()
	flag(l.metrics.listening, true)
	l.once.Do(func() { close(l.ready) })
	if !since.IsZero() {
		l.logger.Info("listens to notifications again", "since", since)
		l.gap(since, false)
	}
}

func (l *line) lost(err error) {
	l.mu.Lock()
	first := !l.failed
	l.failed = true
	l.state.Listening, l.state.Standby = false, false
	l.state.LastError, l.state.ErrorAt = err.Error(), time.Now()
	l.mu.Unlock()
	flag(l.metrics.listening, false)
	flag(l.metrics.leading, false)
	if first {
		l.logger.Warn("does not listen to notifications until the database answers", "err", err)
	}
}

func (l *line) listening() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Listening
}

// gap tells receivers, with quiet only those of this node, that what was notified after since may be missed: on topics for which something waits behind
// that, on others at once.
func (l *line) gap(since time.Time, quiet bool) {
	l.metrics.gaps.Inc()
	l.mu.Lock()
	l.state.Gaps++
	later := make(map[string]bool, len(l.queue.streams))
	for name := range l.queue.streams {
		later[name] = true
	}
	for name := range later {
		l.queue.gap(name, since, quiet)
	}
	l.mu.Unlock()
	l.stir()
	for _, name := range l.bridge.cfg.Topics.Names() {
		if !later[name] && l.fed.has(name) {
			l.bridge.cfg.Topics.Stale(name, since)
		}
	}
}
