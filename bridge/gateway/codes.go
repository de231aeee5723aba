package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// Close codes that the gateway uses. Clients treat 1008, 4401 and 4403 as final.
const (
	CloseGoingAway       = 1001 // the node drains, or the client fell silent: reconnect
	CloseInvalidText     = 1007 // text that is not UTF-8
	ClosePolicy          = 1008
	CloseTooLarge        = 1009 // a message beyond Limits.MaxFrame
	CloseSlow            = 1013 // slower than a topic that disconnects slow consumers
	CloseUnauthenticated = 4401 // credentials expired or revoked
	CloseForbidden       = 4403
	CloseTooMany         = 4429 // beyond Limits.FramesPerSecond

	closeNoStatus = 1005
	closeAbnormal = 1006
)

// Reasons of a denial, and codes of an `error` frame.
const (
	reasonTopic           = "INVALID_TOPIC"
	reasonForbidden       = "FORBIDDEN"
	reasonUnauthenticated = "UNAUTHENTICATED"
	reasonRate            = "RATE_LIMITED"
	reasonUnavailable     = "UNAVAILABLE"
	reasonTooLarge        = "TOO_LARGE"
	reasonClosed          = "CLOSED" // unsubscribed before the answer was there; or a group that is closed
	reasonFull            = "FULL"
	reasonRole            = "INVALID_ROLE"
	reasonInternal        = "INTERNAL_ERROR"
	codeInvalid           = "INVALID_FRAME"
	codeUnknown           = "UNKNOWN_FRAME"
)

var (
	// ErrUnauthenticated is returned by hooks that want to know who it is first.
	ErrUnauthenticated = errors.New("gateway: not authenticated")

	// ErrForbidden is returned by hooks that know who it is, and refuse.
	ErrForbidden = errors.New("gateway: forbidden")

	// ErrDisconnected is returned by methods of a Client whose connection has
	// ended.
	ErrDisconnected = errors.New("gateway: client disconnected")

	// ErrInHook is returned by Client.Request when it is called from a hook of
	// the same client: the answer could not be read while the hook runs.
	ErrInHook = errors.New("gateway: Request must not be called from a hook of the same client")

	errHookTimeout = errors.New("gateway: hook was too slow")
)

type denial struct{ reason string }

func (d *denial) Error() string { return "gateway: denied: " + d.reason }

// Deny returns an error with which CanSubscribe and CanPublish give the client a
// reason, which it reads as it stands. It must be valid UTF-8.
func Deny(reason string) error { return &denial{reason} }

// A panicError is what became of a hook that panicked.
type panicError struct {
	value any
	stack []byte
}

func (*panicError) Error() string { return "gateway: hook panicked" }

// verdict is how an error is told to a client.
type verdict struct {
	reason       string
	retryAfterMs int
	fault        bool // ours or the embedding program's: to be logged
}

// judge translates an error of a hook or of package topic. It is the only place
// where that happens; statusOf is its counterpart for upgrades.
func judge(err error) verdict {
	var deny *denial
	var input *topic.InputError
	switch {
	case errors.As(err, &deny):
		return verdict{reason: deny.reason}
	case errors.Is(err, ErrForbidden):
		return verdict{reason: reasonForbidden}
	case errors.Is(err, ErrUnauthenticated):
		return verdict{reason: reasonUnauthenticated}
	case errors.Is(err, topic.ErrOverloaded):
		return verdict{reason: reasonRate, retryAfterMs: 250}
	case errors.Is(err, topic.ErrUnavailable), errors.Is(err, topic.ErrClosed), errors.Is(err, topic.ErrFailed):
		return verdict{reason: reasonUnavailable, retryAfterMs: 1000}
	case errors.As(err, &input):
		return verdict{reason: inputReason(input)}
	}
	return judgeBeside(err)
}

// judgeBeside translates the errors of what stands beside the topics.
func judgeBeside(err error) verdict {
	var position *cursor.InputError
	switch {
	case errors.Is(err, group.ErrFull), errors.Is(err, cursor.ErrFull):
		return verdict{reason: reasonFull}
	case errors.Is(err, group.ErrClosed), errors.Is(err, group.ErrNotMember), errors.Is(err, roster.ErrAbsent):
		return verdict{reason: reasonClosed}
	case errors.Is(err, group.ErrRole):
		return verdict{reason: reasonRole}
	case errors.Is(err, group.ErrNoGroup), errors.Is(err, presence.ErrOff), errors.Is(err, cursor.ErrOff):
		return verdict{reason: reasonForbidden}
	case isFull(err):
		return verdict{reason: reasonRate, retryAfterMs: 250}
	case errors.Is(err, roster.ErrUnavailable), errors.Is(err, group.ErrUnavailable), errors.Is(err, cursor.ErrUnavailable),
		errors.Is(err, ratelimit.ErrUnavailable), errors.Is(err, ratelimit.ErrClosed), errors.Is(err, actors.ErrFailed), isStopped(err):
		return verdict{reason: reasonUnavailable, retryAfterMs: 1000}
	case errors.As(err, &position) && (position.Field == "data" || position.Field == "user"):
		return verdict{reason: reasonTooLarge} // that it is JSON has been seen here
	}
	return verdict{reason: reasonInternal, fault: true}
}

// reasonOf is what a client reads of an error that a hook returned. The hook's
// caller has logged it.
func reasonOf(err error) string { return judge(err).reason }

func inputReason(e *topic.InputError) string {
	switch e.Field {
	case "topic", "group":
		return reasonTopic
	case "key", "identity", "connection": // who the embedding program says it is can not be shown
		return reasonForbidden
	case "data":
		return reasonTooLarge // that it is JSON has been seen here
	}
	return codeInvalid
}

// statusOf translates an error of Authenticate.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, errHookTimeout), errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
