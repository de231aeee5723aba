package settings

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Bridge says what of Postgres comes to topics by itself.
type Bridge struct {
	// Notify are the channels that the node listens to.
	Notify []pgnotify.Channel

	Outbox Outbox
}

// Outbox says whether a node takes part in forwarding what transactions left in the
// outbox, and how.
type Outbox struct {
	Enabled  bool          // it does where there is Postgres, unless the file says no
	MaxTries int           // refusals of a topic that make a row a dead letter
	KeepDead time.Duration // how long dead letters are kept; -1: for good
}

// bridge reads the group of that name.
func (r *reader) bridge(key string, v *value) {
	o := &r.into.Bridge.Outbox
	r.object(key, v, map[string]func(string, *value){
		"notify":          r.notify,
		"outbox.enabled":  r.text(trueOrFalse(&o.Enabled)),
		"outbox.maxTries": r.text(numberFrom(1, &o.MaxTries)),
		"outbox.keepDead": r.text(forGood(&o.KeepDead)),
	})
}

// forGood reads a time, or -1 for no end.
func forGood(at *time.Duration) func(string) error {
	return func(text string) error {
		if text == "-1" {
			*at = -1
			return nil
		}
		if err := orNone(at, false)(text); err != nil {
			return fmt.Errorf("%w (-1 keeps them for good)", err)
		}
		return nil
	}
}

func trueOrFalse(at *bool) func(string) error {
	return func(text string) error {
		if text != "true" && text != "false" {
			return fmt.Errorf("must be true or false, not %q", clip(text))
		}
		*at = text == "true"
		return nil
	}
}

// notify reads the list of channels.
func (r *reader) notify(key string, v *value) {
	r.entries(key, v, nil, func(_ int, key string, v *value) {
		var ch pgnotify.Channel
		before := len(r.faults)
		r.object(key, v, map[string]func(string, *value){
			"channel":     r.text(filled(&ch.Name, "name the channel of the NOTIFY, such as table_changes")),
			"leader":      r.text(trueOrFalse(&ch.Leader)),
			"feeds":       r.list(func(list []string) { ch.Feeds = list }),
			"allowSystem": r.text(trueOrFalse(&ch.AllowSystem)),
			"maxBytes":    r.text(func(text string) error { return setBytes(&ch.MaxBytes, text) }),
			"queue":       r.text(numberFrom(1, &ch.Queue)),
		})
		if len(r.faults) == before {
			r.missing(key, v, "channel")
		}
		r.into.Bridge.Notify = append(r.into.Bridge.Notify, ch)
	})
}

func setBytes(at *int, text string) error {
	n, err := ParseBytes(text)
	if err == nil && (n < 1 || n > math.MaxInt32) {
		err = fmt.Errorf("must be 1B to %s, not %s", 1*GiB, n)
	}
	if err == nil {
		*at = int(n)
	}
	return err
}

// completeBridge fills in what the file does not say.
func (l *Loaded) completeBridge() {
	for i := range l.Bridge.Notify {
		ch := &l.Bridge.Notify[i]
		ch.MaxBytes = cmp.Or(ch.MaxBytes, pgnotify.DefaultMaxBytes)
		ch.Queue = cmp.Or(ch.Queue, pgnotify.DefaultQueue)
	}
	o := &l.Bridge.Outbox
	if _, said := l.marks["bridge.outbox.enabled"]; !said {
		o.Enabled = l.Postgres != ""
	}
	o.MaxTries = cmp.Or(o.MaxTries, outbox.DefaultMaxTries)
	o.KeepDead = cmp.Or(o.KeepDead, outbox.DefaultKeepDead)
}

var errBridgeAlone = errors.New("needs postgres: give its URL with postgres, or leave this out")

// checkBridge looks at each channel, and whether there is a database.
func (l *Loaded) checkBridge(broken bool, add func(string, error)) {
	schema := l.Schema
	if schema == "" {
		schema, _ = pgdb.SchemaFor(l.Prefix) // what is wrong with it is told there
	}
	for i, ch := range l.Bridge.Notify {
		key := fmt.Sprintf("bridge.notify[%d]", i)
		if l.spoilt[key] {
			continue
		}
		for _, f := range ch.Faults(schema) {
			add(key+"."+strings.Replace(f.Field, "name", "channel", 1), errors.New(f.Rule))
		}
		if slices.ContainsFunc(l.Bridge.Notify[:i], func(o pgnotify.Channel) bool { return o.Name == ch.Name }) {
			add(key+".channel", fmt.Errorf("%q is there twice", clip(ch.Name)))
		}
	}
	if l.Postgres != "" || broken {
		return
	}
	if len(l.Bridge.Notify) > 0 {
		add("bridge.notify", errBridgeAlone)
	}
	if l.Bridge.Outbox.Enabled {
		add("bridge.outbox", errBridgeAlone)
	}
}

func (p *printer) bridge(b Bridge) {
	if p.l.Postgres == "" {
		return
	}
	p.open(0, "bridge:")
	if len(b.Notify) > 0 {
		p.open(2, "notify:")
	}
	for i, ch := range b.Notify {
		key := fmt.Sprintf("bridge.notify[%d].", i)
		p.line(4, "- channel: "+quote(ch.Name), key+"channel")
		p.line(6, fmt.Sprintf("leader: %t", ch.Leader), key+"leader")
		if ch.Feeds != nil {
			p.line(6, "feeds: "+list(ch.Feeds), key+"feeds")
		}
		p.line(6, fmt.Sprintf("allowSystem: %t", ch.AllowSystem), key+"allowSystem")
		p.line(6, "maxBytes: "+Bytes(ch.MaxBytes).String(), key+"maxBytes")
		p.line(6, fmt.Sprintf("queue: %d", ch.Queue), key+"queue")
	}
	p.open(2, "outbox:")
	p.line(4, fmt.Sprintf("enabled: %t", b.Outbox.Enabled), "bridge.outbox.enabled")
	p.line(4, fmt.Sprintf("maxTries: %d", b.Outbox.MaxTries), "bridge.outbox.maxTries")
	p.line(4, "keepDead: "+orOff(b.Outbox.KeepDead), "bridge.outbox.keepDead")
}
