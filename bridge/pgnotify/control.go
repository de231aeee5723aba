package pgnotify

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// controlChannel is where nodes tell each other that a leader missed notifications.
func (b *Bridge) controlChannel() string { return b.cfg.DB.Schema() + "_notify" }

// An announcement says that a leader's notifications may have been missed. Clocks of nodes differ: it says how
// long ago.
type announcement struct {
	Bridge  string `json:"bridge"`
	Channel string `json:"channel"`
	Topic   string `json:"topic,omitempty"` // "" is all that the channel feeds
	Age     int64  `json:"age"`             // milliseconds
}

// maxOwed bounds what is to be announced one by one; beyond it everything the channel feeds is.
const maxOwed = 256

// An announcer tells the other nodes, for as long as it takes.
type announcer struct {
	bridge *Bridge
	wake   chan struct{}

	mu   sync.Mutex
	owed map[owed]time.Time
}

type owed struct{ channel, topic string }

func (a *announcer) init(b *Bridge) {
	a.bridge, a.wake, a.owed = b, make(chan struct{}, 1), make(map[owed]time.Time)
}

// owe has it told that notifications after since may have been missed.
func (a *announcer) owe(channel, topic string, since time.Time) {
	a.mu.Lock()
	if len(a.owed) >= maxOwed {
		topic = ""
	}
	key := owed{channel, topic}
	if before, ok := a.owed[key]; !ok || since.Before(before) {
		a.owed[key] = since
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *announcer) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		for wait := minBackoff; !a.tell(ctx); wait = min(2*wait, maxBackoff) {
			pause(ctx, time.Duration(float64(wait)*(0.75+rand.Float64()/2)))
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// tell sends what is owed, and reports whether it did.
func (a *announcer) tell(ctx context.Context) bool {
	a.mu.Lock()
	todo := a.owed
	a.owed = make(map[owed]time.Time)
	a.mu.Unlock()
	if len(todo) == 0 {
		return true
	}
	var texts []string
	for key, since := range todo {
		text, _ := json.Marshal(announcement{a.bridge.id, key.channel, key.topic, time.Since(since).Milliseconds()})
		texts = append(texts, string(text))
	}
	err := a.bridge.cfg.DB.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, "select pg_notify($1, p) from unnest($2::text[]) p", a.bridge.controlChannel(), texts)
		return err
	})
	if err == nil {
		return true
	}
	for key, since := range todo {
		a.owe(key.channel, key.topic, since)
	}
	a.bridge.cfg.Logger.Debug("other nodes are not told yet that notifications were missed", "err", err)
	return false
}

// told takes what another node announced.
func (b *Bridge) told(payload string) {
	var a announcement
	if err := json.Unmarshal([]byte(payload), &a); err != nil || a.Age < 0 || a.Age > int64(24*time.Hour/time.Millisecond)*365 {
		b.metrics.invalid.Inc()
		return
	}
	l := b.byName[a.Channel]
	if a.Bridge == b.id || l == nil || !b.leads(l.channel) {
		return
	}
	since := time.Now().Add(-time.Duration(a.Age) * time.Millisecond)
	if a.Topic != "" {
		b.cfg.Topics.Stale(a.Topic, since)
		return
	}
	l.gap(since, true)
}

// missed tells receivers of a topic, behind what they were sent of it.
func (b *Bridge) missed(l *line, gap *item) {
	b.cfg.Topics.Stale(gap.stream.topic, gap.since)
	if b.leads(l.channel) && !gap.quiet {
		b.announcer.owe(l.channel.Name, gap.stream.topic, gap.since)
	}
}
