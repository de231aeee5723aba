package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/troupe-rt/troupe/bridge/gateway/wsclient"
	"github.com/troupe-rt/troupe/topic"
)

type tailCommand struct {
	Topic string `arg:"" help:"The topic, such as room:lobby."`
	Since string `placeholder:"N" help:"First print what was published after this position: a number (0 for all that is kept), or epoch/number as publish prints it."`
	remote
}

// Run prints events until a signal. When the connection is lost it comes back
// and goes on after the last event that it printed.
func (c *tailCommand) Run(ctx context.Context, m *Main) error {
	f := &follower{name: c.Topic, notes: m.Stderr, out: json.NewEncoder(m.Stdout)}
	f.out.SetEscapeHTML(false)
	if c.Since != "" {
		since, err := parseSince(c.Since)
		if err != nil {
			return &usageError{err}
		}
		f.at = &since
	}
	node, err := c.client(m)
	if err != nil {
		return err
	}
	defer node.close()
	f.node = node
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals, release := m.signals()
	defer release()
	done := make(chan error, 1)
	go func() { done <- f.follow(ctx) }()
	select {
	case err := <-done:
		return err
	case <-signals:
		cancel()
		return <-done
	}
}

func parseSince(text string) (topic.Position, error) {
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
		return topic.Position{Seq: seq}, nil
	}
	p, err := topic.ParsePosition(text)
	if err != nil {
		return p, fmt.Errorf("--since must be a whole number from 0, or a position such as publish prints: %w", err)
	}
	return p, nil
}

// A follower prints one topic across connections.
type follower struct {
	node  *nodeClient
	name  string
	out   *json.Encoder
	notes io.Writer

	at *topic.Position // after which to go on; nil before there is one
}

// follow returns nil when ctx ends, and an error where trying again is no use.
func (f *follower) follow(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = 10 * time.Second
	for connected := false; ; {
		err := f.session(ctx, func() {
			connected = true
			pause.Reset()
		})
		if ctx.Err() != nil {
			return nil
		}
		if !connected || final(err) {
			return err
		}
		wait := pause.NextBackOff()
		fmt.Fprintf(f.notes, "node: %s; trying again in %s\n", err, wait.Round(time.Millisecond))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// final tells the errors that do not go away by themselves.
func final(err error) bool {
	var denied *wsclient.DeniedError
	var frame *wsclient.FrameError
	var closed *wsclient.ClosedError
	var status *wsclient.StatusError
	var output *outputError
	switch {
	case errors.As(err, &denied):
		return denied.Reason != "UNAVAILABLE" && denied.Reason != "RATE_LIMITED" && denied.Reason != "INTERNAL_ERROR"
	case errors.As(err, &status):
		return status.Status < 500 && status.Status != http.StatusTooManyRequests
	case errors.As(err, &closed):
		return closed.Final()
	}
	return errors.As(err, &frame) || errors.As(err, &output)
}

// An outputError says that nobody reads what is printed.
type outputError struct{ err error }

func (e *outputError) Error() string { return "print: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// session is one connection. It calls live when it has been taken up.
func (f *follower) session(ctx context.Context, live func()) (err error) {
	conn, err := f.node.dial(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closing := conn.Close(); err == nil {
			err = closing
		}
	}()
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	head, err := conn.Observe(asking, f.name, f.at)
	if err != nil {
		return f.node.explain(err)
	}
	f.joined(head)
	live()
	for {
		e, err := conn.Next(ctx)
		if err != nil {
			return err
		}
		if err := f.print(e); err != nil {
			return err
		}
	}
}

// joined notes where the topic stands. In another epoch than the one that was
// asked for the node tells what is gone, and gives what there is from the start.
func (f *follower) joined(head topic.Position) {
	switch {
	case head.Epoch == "": // no history, so nothing to go on from
		f.at = nil
	case f.at == nil:
		f.at = &head
	case f.at.Epoch != "" && f.at.Epoch != head.Epoch:
		f.at = &topic.Position{Epoch: head.Epoch}
	default:
		f.at = &topic.Position{Epoch: head.Epoch, Seq: f.at.Seq}
	}
}

type printedEvent struct {
	Topic string          `json:"topic"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Seq   uint64          `json:"seq,omitempty"`
}

func (f *follower) print(e wsclient.Event) error {
	if e.Topic != f.name {
		return nil // the node speaking about itself
	}
	f.moved(e)
	if err := f.out.Encode(printedEvent(e)); err != nil {
		return &outputError{err}
	}
	return nil
}

// moved notes how far the topic has been printed. An announcement that events
// are gone has no number; what follows it begins at the oldest there is.
func (f *follower) moved(e wsclient.Event) {
	switch {
	case f.at == nil:
	case e.Seq > 0:
		f.at.Seq = e.Seq
	case e.Event == topic.EventTruncated:
		var gone struct {
			Oldest uint64 `json:"oldest"`
			Epoch  string `json:"epoch"`
		}
		if json.Unmarshal(e.Data, &gone) == nil && gone.Epoch != "" && gone.Oldest > 0 {
			f.at = &topic.Position{Epoch: gone.Epoch, Seq: gone.Oldest - 1}
		}
	}
}
