package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
)

// A Client is one connection, as hooks see it. It may be kept and used from any
// goroutine; once the connection has ended its methods do nothing.
type Client struct{ s *session }

// ID is the session's id, which is unique and which the client was told in
// `welcome`. A client that comes back within two minutes may have it again.
func (c *Client) ID() string { return c.s.id }

// Identity is what Authenticate returned. It must not be changed.
func (c *Client) Identity() Identity { return c.s.identity }

// RemoteAddr is the address of the upgrade request.
func (c *Client) RemoteAddr() string { return c.s.remote }

// Topics returns the topics that the client follows, in no order.
func (c *Client) Topics() []string {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var names []string
	for _, r := range c.s.places.all() {
		names = append(names, r.topic)
	}
	return names
}

// Follows reports whether the client is subscribed to a topic.
func (c *Client) Follows(name string) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.places.get(name) != nil
}

// Send sends an event to this client alone, which need not follow the topic. Such
// an event has no position. data is encoded as JSON. Send does not wait; events
// arrive in the order of Send. Errors: a *topic.InputError, or ErrDisconnected.
func (c *Client) Send(name, event string, data any) error {
	encoded, err := encode(name, event, data)
	if err != nil {
		return err
	}
	if c.s.over() || !c.s.shard.put(item{kind: itemDirect, session: c.s, ptr: appendEvent(nil, name, event, encoded)}) {
		return ErrDisconnected
	}
	return nil
}

// Request asks the client a question and waits for its reply, or for ctx, which
// should have a deadline. Errors: a *ReplyError if the client refuses,
// ErrDisconnected as soon as the connection ends, ErrInHook, the context's, or a
// *topic.InputError.
func (c *Client) Request(ctx context.Context, event string, data any) (json.RawMessage, error) {
	return c.s.request(ctx, event, data)
}

// Close ends the connection with a code of 1000 to 1014 or 3000 to 4999 and a
// reason of at most 123 bytes, behind what has been sent. Only the first close
// counts. Clients take 1008, 4401 and 4403 for final.
func (c *Client) Close(code int, reason string) {
	if code < 1000 || code > 4999 || code > 1014 && code < 3000 || code >= 1004 && code <= closeAbnormal {
		code = ClosePolicy
	}
	for len(reason) > 123 || !utf8.ValidString(reason) {
		if len(reason) > 123 {
			reason = reason[:123]
		}
		for len(reason) > 0 && !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	c.s.shut(code, reason)
}

// HasRole reports whether the identity has a role.
func (i Identity) HasRole(name string) bool { return slices.Contains(i.Roles, name) }

// over reports whether the session has ended.
func (s *session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// encode checks the names of a direct event, or of a request where there is no
// topic, and encodes its data.
func encode(name, event string, data any) ([]byte, error) {
	if name != "" {
		if err := topic.CheckName(name, true); err != nil {
			return nil, err
		}
	}
	if err := topic.CheckEvent(event); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, &topic.InputError{Field: "data", Rule: "can not be encoded as JSON", Err: err}
	}
	return encoded, nil
}
