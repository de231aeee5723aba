package pgnotify

import (
	"maps"
	"time"
)

// warnEvery bounds how often the same warning is logged.
const warnEvery = time.Minute

// A ChannelState is how a channel does.
type ChannelState struct {
	Name   string `json:"name"`
	Leader bool   `json:"leader"` // one node takes its notifications

	// Listening tells that this node takes its notifications, Since since when. With Leader it means that this node
	// leads. Standby tells that another does.
	Listening bool      `json:"listening"`
	Standby   bool      `json:"standby,omitempty"`
	Since     time.Time `json:"since,omitzero"`

	Received  uint64            `json:"received"`          // notifications
	Published uint64            `json:"published"`         // that a topic has
	Skipped   uint64            `json:"skipped,omitempty"` // that Parse did not want
	Dropped   map[string]uint64 `json:"dropped,omitempty"` // by reason
	Queued    int               `json:"queued"`            // that wait for topics
	Failing   int               `json:"failing,omitempty"` // topics that do not take theirs

	Reconnects uint64    `json:"reconnects,omitempty"` // times that it listened again
	Gaps       uint64    `json:"gaps,omitempty"`       // times that notifications may have been missed
	LastError  string    `json:"lastError,omitempty"`
	ErrorAt    time.Time `json:"errorAt,omitzero"`
}

func (l *line) report() ChannelState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	s.Name, s.Leader = l.channel.Name, l.channel.Leader
	s.Dropped = maps.Clone(l.state.Dropped)
	s.Queued, s.Failing = l.queue.count, l.queue.failing
	s.Received, s.Published, s.Skipped = l.metrics.figures()
	return s
}

// drop counts what is not published, and says so now and then.
func (l *line) drop(reason string, err error) {
	l.metrics.dropped[reason].Inc()
	l.mu.Lock()
	if l.state.Dropped == nil {
		l.state.Dropped = make(map[string]uint64)
	}
	l.state.Dropped[reason]++
	if err != nil {
		l.state.LastError, l.state.ErrorAt = err.Error(), time.Now()
	}
	say := l.mayWarn(reason)
	l.mu.Unlock()
	if say {
		l.logger.Warn("notification dropped", "reason", reason, "what", explained[reason], "err", err)
	}
}

// mayWarn reports whether it is time to warn of something again. The caller holds mu.
func (l *line) mayWarn(what string) bool {
	now := time.Now()
	if last, ok := l.warned[what]; ok && now.Sub(last) < warnEvery {
		return false
	}
	l.warned[what] = now
	return true
}

// explained says what a reason means, and what helps.
var explained = map[string]string{
	reasonMalformed: `payloads are JSON {"topic","event","data"}, or the channel has a parser`,
	reasonParser:    "the channel's parser failed",
	reasonSystem:    `topics that begin with "__" are not fed, unless the channel allows it`,
	reasonLarge:     "its data is larger than the channel allows",
	reasonHistory:   "a topic with history is fed by one node: set leader: true, or give each message an id",
	reasonRefused:   "the topic does not take what it says",
	reasonFailed:    "the topic failed again and again",
	reasonOverflow:  "too many wait for a backend that is away; receivers are told stale",
	reasonClosed:    "the node stops",
}
