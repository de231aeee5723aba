package cursor

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A Mover is whose cursor moves.
type Mover struct {
	// Key names the cursor: 1 to MaxKey bytes of UTF-8, another one for each connection of
	// the cluster.
	Key string

	// User is what is known of the user, as JSON; empty is null. Policy.Select makes of it
	// what others see, when the cursor first appears; it is not looked at again while the
	// cursor is there.
	User json.RawMessage
}

// Move puts a cursor somewhere: data is JSON, whatever the program means by it, and the
// caller's again afterwards. It returns at once; if the cursor moves again before others
// have seen it, they see only where it is then. The error is ErrOff, ErrFull, ErrOverloaded,
// ErrClosed or an *InputError.
func (b *Boards) Move(of string, m Mover, data json.RawMessage) error {
	in := b.inboxes.get(of)
	if in == nil {
		var err error
		if in, err = b.open(of); err != nil {
			return err
		}
	}
	if err := checkMove(m.Key, data, in.policy.MaxData); err != nil {
		return err
	}
	for {
		done, err := in.move(m.Key, nil, data)
		if !done && err == nil {
			var user json.RawMessage
			if user, err = selected(in.policy, m.User); err == nil {
				done, err = in.move(m.Key, user, data)
			}
		}
		if done || err != nil {
			return err
		}
		// The inbox ended with its actor meanwhile.
		if in, err = b.open(of); err != nil {
			return err
		}
	}
}

// Remove takes a cursor of this node away. It returns at once, and does nothing if there is
// none. What moved before it is not seen after it.
func (b *Boards) Remove(of, key string) error {
	in := b.inboxes.get(of)
	if in == nil {
		return nil
	}
	return in.remove(key)
}

// open finds or makes the inbox of a topic.
func (b *Boards) open(of string) (*inbox, error) {
	if err := b.check(of); err != nil {
		return nil, err
	}
	return b.inbox(of, nil), nil
}

func (b *Boards) inbox(of string, a *actor) *inbox {
	return b.inboxes.open(of, a, func() *inbox {
		p := b.policies.find(of)
		return newInbox(p, b.metrics.of(p), func() error { return refusal(b.keeper.Tell(of, &moved{})) })
	})
}

func checkMove(key string, data json.RawMessage, limit int) error {
	switch {
	case key == "" || len(key) > MaxKey || !utf8.ValidString(key):
		return &InputError{Field: "key", Rule: fmt.Sprintf("must be 1 to %d bytes of UTF-8", MaxKey)}
	case len(data) > limit:
		return &InputError{Field: "data", Rule: fmt.Sprintf("must be at most %d bytes", limit)}
	case !validJSON(data):
		return &InputError{Field: "data", Rule: "must be JSON in UTF-8"}
	}
	return nil
}

func validJSON(b []byte) bool { return json.Valid(b) && utf8.Valid(b) }

// selected is what others see of a user. Select is the program's own: what it panics with
// is an error.
func selected(p *Policy, user json.RawMessage) (shown json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &InputError{Field: "user", Rule: "can not be shown", Err: fmt.Errorf("select panicked: %T", r)}
		}
	}()
	if len(user) == 0 {
		user = json.RawMessage("null")
	}
	shown = p.Select(user)
	switch {
	case !validJSON(shown):
		return nil, &InputError{Field: "user", Rule: "must be JSON in UTF-8 after it was selected"}
	case len(shown) > MaxUser:
		return nil, &InputError{Field: "user", Rule: fmt.Sprintf("must be at most %d bytes after it was selected", MaxUser)}
	}
	// Select may return a part of the caller's memory.
	return append(json.RawMessage(nil), shown...), nil
}
