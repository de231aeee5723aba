package wsclient

import "fmt"

// A StatusError is the node's refusal of an upgrade.
type StatusError struct {
	Status int // of HTTP
}

func (e *StatusError) Error() string {
	hint := ""
	switch e.Status {
	case 401:
		hint = ": not authenticated"
	case 403:
		hint = ": forbidden"
	case 429:
		hint = ": too many connections from this address"
	case 503:
		hint = ": the node is full or going away"
	}
	return fmt.Sprintf("wsclient: connection refused with status %d%s", e.Status, hint)
}

// A DeniedError is the node's refusal of a subscribe or a publish.
type DeniedError struct {
	Topic  string
	Reason string // as the node gave it
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("wsclient: topic %q: %s", e.Topic, e.Reason)
}

// A FrameError is the node's answer to a frame that it could not obey.
type FrameError struct{ Code, Message string }

func (e *FrameError) Error() string { return "wsclient: " + e.Code + ": " + e.Message }

// A ClosedError tells that the connection has ended.
type ClosedError struct {
	Code   int // of the close frame; -1 if there was none
	Reason string
	Err    error
}

func (e *ClosedError) Error() string {
	if e.Code < 0 {
		return fmt.Sprintf("wsclient: connection lost: %v", e.Err)
	}
	return fmt.Sprintf("wsclient: closed with %d %s", e.Code, e.Reason)
}

// Unwrap returns what the connection said.
func (e *ClosedError) Unwrap() error { return e.Err }

// Final reports whether the node does not want this client to come back.
func (e *ClosedError) Final() bool { return e.Code == 1008 || e.Code == 4401 || e.Code == 4403 }
