package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// takeAtOnce is how many messages a line posts before it looks what has come meanwhile.
const takeAtOnce = 256

// A line is the way of one channel's notifications to the topics. A Listener's goroutine puts them in, and its own
// posts them.
type line struct {
	bridge  *Bridge
	channel Channel
	index   int
	logger  *slog.Logger
	metrics *lineMetrics
	fed     fed
	ready   chan struct{} // closed when it listens, or stands by, for the first time
	once    sync.Once

	wake chan struct{}

	mu      sync.Mutex
	queue   *queue
	room    sync.Cond // for the one who waits with a notification
	empty   sync.Cond // for Close
	closing bool
	state   ChannelState
	warned  map[string]time.Time // by reason
	failed  bool                 // its connection was lost, or can not be had
	stoodBy time.Time            // when another node was last known to lead
	number  uint64               // of the last message
}

func newLine(b *Bridge, i int, ch Channel) *line {
	l := &line{bridge: b, channel: ch, index: i, logger: b.cfg.Logger.With("channel", ch.Name), metrics: b.metrics.of(ch.Name),
		ready: make(chan struct{}), wake: make(chan struct{}, 1), queue: newQueue(ch.Queue), warned: make(map[string]time.Time)}
	l.room.L, l.empty.L = &l.mu, &l.mu
	l.fed.init(ch, b.leads(ch))
	return l
}

// received takes a notification. It waits while the queue is full, unless that is because topics fail.
func (l *line) received(n pgdb.Notification) {
	l.metrics.received.Inc()
	if len(n.Payload) > largePayload {
		l.large(len(n.Payload))
	}
	m, reason, err := l.parse(n)
	switch {
	case reason != "":
		l.drop(reason, err)
		return
	case m == nil:
		l.metrics.skipped.Inc()
		return
	}
	l.fed.add(m.Topic)
	l.put(m)
}

// largePayload is where a payload comes near to what Postgres refuses, in bytes.
const largePayload = 7500

func (l *line) large(size int) {
	l.bridge.metrics.large.Inc()
	l.mu.Lock()
	say := l.mayWarn("large payload")
	l.mu.Unlock()
	if say {
		l.logger.Warn("notification is near the limit of 8000 bytes, beyond which NOTIFY fails", "bytes", size)
	}
}

// parse makes a message of a notification, or says why it is dropped.
func (l *line) parse(n pgdb.Notification) (m *Message, reason string, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, reason, err = nil, reasonParser, fmt.Errorf("the parser panicked: %v", r)
		}
	}()
	m, err = l.channel.Parse(n.Channel, n.Payload)
	switch {
	case errors.Is(err, ErrMalformed):
		return nil, reasonMalformed, err
	case err != nil:
		return nil, reasonParser, err
	case m == nil:
		return nil, "", nil
	case m.Topic == "" || m.Event == "":
		return nil, reasonMalformed, errNoTopic
	case topic.IsSystem(m.Topic) && !l.channel.AllowSystem:
		return nil, reasonSystem, nil
	case len(m.Data) > l.channel.MaxBytes:
		return nil, reasonLarge, nil
	case l.local() && m.ID == "" && l.bridge.cfg.Topics.Policy(m.Topic).HasHistory():
		return nil, reasonHistory, nil
	}
	return m, "", nil
}

var errNoTopic = errors.New("topic or event is missing")

// local reports whether every node takes the channel's notifications.
func (l *line) local() bool { return !l.channel.Leader && !l.bridge.cfg.Alone }

// put files a message, and waits for room while topics work.
func (l *line) put(m *Message) {
	post := topic.Message{Event: m.Event, Data: m.Data, ID: m.ID, Checked: m.checked}
	kept := l.bridge.cfg.Topics.Policy(m.Topic).HasHistory()
	l.mu.Lock()
	for l.queue.full() && l.queue.failing == 0 && !l.closing {
		l.room.Wait()
	}
	switch {
	case l.closing:
		l.mu.Unlock()
		l.drop(reasonClosed, nil)
		return
	case !l.queue.accepts(m.Topic):
		l.queue.gap(m.Topic, time.Now(), false)
		l.mu.Unlock()
		l.drop(reasonOverflow, nil)
		return
	}
	if l.number++; kept && post.ID == "" { // so that what is tried again is kept once
		post.ID = fmt.Sprintf("notify:%s:%d:%d", l.bridge.id, l.index, l.number)
	}
	l.queue.add(m.Topic, post, l.local() && !kept)
	l.metrics.queued.Set(float64(l.queue.count))
	l.mu.Unlock()
	l.stir()
}

func (l *line) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run posts until ctx ends.
func (l *line) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		l.mu.Lock()
		todo, again := l.queue.take(time.Now(), takeAtOnce)
		l.mu.Unlock()
		if len(todo) > 0 {
			l.post(todo)
			continue
		}
		var due <-chan time.Time
		timer.Stop()
		if !again.IsZero() {
			timer.Reset(time.Until(again))
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-due:
		}
	}
}

// post gives messages to their topics, in order. What a topic refuses holds back those behind it.
func (l *line) post(todo []*item) {
	var refused map[*stream]bool
	for _, it := range todo {
		if it.isGap() {
			l.bridge.missed(l, it)
			continue
		}
		err := topic.ErrBehind
		if !refused[it.stream] {
			err = l.give(it)
		}
		if err != nil {
			if refused == nil {
				refused = make(map[*stream]bool)
			}
			refused[it.stream] = true
			l.answered(it, err)
		}
	}
}

func (l *line) give(it *item) error {
	done := func(_ topic.Receipt, err error) { l.answered(it, err) }
	if it.local {
		return l.bridge.cfg.Topics.PostLocal(it.stream.topic, it.m, done)
	}
	return l.bridge.cfg.Topics.Post(it.stream.topic, it.m, done)
}

// answered runs on the topic's goroutine.
func (l *line) answered(it *item, err error) {
	l.mu.Lock()
	failing := l.queue.failing
	reason := l.queue.answered(it, err, time.Now(), rand.Float64())
	more := len(l.queue.ready) > 0
	l.metrics.queued.Set(float64(l.queue.count))
	if err == nil {
		l.metrics.published.Inc()
	}
	if l.queue.failing != failing || !l.queue.full() {
		l.room.Broadcast()
	}
	if l.queue.count == 0 {
		l.empty.Broadcast()
	}
	say := l.queue.failing > failing && l.mayWarn("topics fail")
	l.mu.Unlock()
	if more {
		l.stir()
	}
	switch {
	case reason != "":
		l.drop(reason, err)
	case say:
		l.logger.Warn("topics do not take notifications, which wait", "topic", it.stream.topic, "err", err)
	}
}
