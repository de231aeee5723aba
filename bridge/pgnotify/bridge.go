package pgnotify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// A Bridge brings notifications of Postgres to topics. Its methods are safe for concurrent use.
type Bridge struct {
	cfg       Config
	id        string // tells this Bridge from those of other nodes
	started   time.Time
	metrics   *metrics
	lines     []*line
	byName    map[string]*line
	announcer announcer
	listeners []*pgdb.Listener

	stop   context.CancelFunc // ends what follows
	tasks  sync.WaitGroup
	closed sync.Once
	done   chan struct{}
}

// Start begins to listen, and returns at once: a database that is away is waited for (see Ready). It needs one connection
// of its own, one more for each channel with Leader, and now and then one of the pool. It fails with joined
// *ConfigErrors. ctx is for the start alone: end it with Close.
func Start(ctx context.Context, cfg Config) (*Bridge, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := &Bridge{cfg: cfg, id: strings.ToLower(rand.Text()[:10]), started: time.Now(), metrics: newMetrics(cfg.Registerer),
		byName: make(map[string]*line), done: make(chan struct{})}
	b.announcer.init(b)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for i, ch := range cfg.Channels {
		l := newLine(b, i, ch)
		b.lines, b.byName[ch.Name] = append(b.lines, l), l
		b.tasks.Go(func() { l.run(running) })
	}
	b.tasks.Go(func() { b.announcer.run(running) })
	b.listen()
	return b, nil
}

// leads reports whether one node of several takes the channel's notifications.
func (b *Bridge) leads(ch Channel) bool { return ch.Leader && !b.cfg.Alone }

// Ready returns nil when every channel is listened to, or is another node's to lead. It fails with the context's
// error and what was in the way, while the Bridge goes on trying, or with ErrClosed.
func (b *Bridge) Ready(ctx context.Context) error {
	for _, l := range b.lines {
		select {
		case <-l.ready:
		case <-b.done:
		case <-ctx.Done():
			return fmt.Errorf("pgnotify: channel %s is not listened to: %w; %s", l.channel.Name, ctx.Err(), l.report().LastError)
		}
	}
	select {
	case <-b.done:
		return ErrClosed
	default:
		return nil
	}
}

// ErrClosed is what Ready fails with after Close.
var ErrClosed = errors.New("pgnotify: closed")

// Close stops listening, and then waits until the topics have what was received or ctx ends; what is left is dropped
// and counted. A leader's place is free when it returns. It may be called again.
func (b *Bridge) Close(ctx context.Context) error {
	var err error
	b.closed.Do(func() {
		defer close(b.done)
		for _, l := range b.lines {
			l.close()
		}
		var closing sync.WaitGroup
		for _, l := range b.listeners {
			closing.Go(l.Close)
		}
		closing.Wait()
		for _, l := range b.lines {
			err = errors.Join(err, l.drain(ctx))
		}
		b.stop()
		b.tasks.Wait()
	})
	<-b.done
	return err
}

// State tells how the channels do, in the order of the Config.
func (b *Bridge) State() []ChannelState {
	states := make([]ChannelState, len(b.lines))
	for i, l := range b.lines {
		states[i] = l.report()
	}
	return states
}

// close has the line take nothing more.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.room.Broadcast()
}

// drain waits until the topics have all, or ctx ends.
func (l *line) drain(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.empty.Broadcast()
	})()
	l.mu.Lock()
	for l.queue.count > 0 && ctx.Err() == nil {
		l.empty.Wait()
	}
	left := l.queue.count
	l.mu.Unlock()
	if left == 0 {
		return nil
	}
	for range left {
		l.drop(reasonClosed, nil)
	}
	return fmt.Errorf("pgnotify: close: %d notifications of channel %s are not published: %w", left, l.channel.Name, ctx.Err())
}
