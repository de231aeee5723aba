package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// Codes of a Problem. They are stable.
const (
	codeInvalid         = "INVALID_REQUEST"
	codeTopic           = "INVALID_TOPIC"
	codeRole            = "INVALID_ROLE"
	codeUnauthenticated = "UNAUTHENTICATED"
	codeForbidden       = "FORBIDDEN"
	codeNotFound        = "NOT_FOUND"
	codeNotMember       = "NOT_MEMBER"
	codeTimeout         = "TIMEOUT"
	codeMethod          = "METHOD_NOT_ALLOWED"
	codeClosed          = "CLOSED"
	codeFull            = "FULL"
	codeTooLarge        = "TOO_LARGE"
	codeMediaType       = "UNSUPPORTED_MEDIA_TYPE"
	codeRate            = "RATE_LIMITED"
	codeUnavailable     = "UNAVAILABLE"
	codeInternal        = "INTERNAL_ERROR"
)

// A Problem is an error as a caller reads it: the body of an answer, by RFC 9457.
type Problem struct {
	Title        string `json:"title,omitzero"`  // of the status; not within a list
	Status       int    `json:"status,omitzero"` // of HTTP; not within a list
	Code         string `json:"code"`            // stable, for programs
	Detail       string `json:"detail"`          // a sentence, for people
	Field        string `json:"field,omitzero"`  // what of the request is wrong
	RetryAfterMS int64  `json:"retryAfterMs,omitzero"`

	cause error // to be logged, if it is this node's or the embedding program's fault
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// wrong says that something in the request breaks a rule.
func wrong(field, rule string) *Problem {
	code := codeInvalid
	if field == "topic" || field == "group" {
		code = codeTopic
	}
	field = clip(field)
	return &Problem{Status: http.StatusBadRequest, Code: code, Detail: strings.TrimSpace(field + " " + rule), Field: field}
}

func missing(detail string) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: codeNotFound, Detail: detail}
}

// retryLater is how long a caller should wait before he tries again what failed.
const retryLater = time.Second

func later(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail, RetryAfterMS: retryLater.Milliseconds()}
}

// judge translates the errors of the packages that are called. It is the only place where
// that happens.
func judge(err error) *Problem {
	var told *Problem
	if errors.As(err, &told) {
		return told
	}
	if p := judgeInput(err); p != nil {
		return p
	}
	if p := judgeState(err); p != nil {
		return p
	}
	switch {
	case isAny(err, topic.ErrOverloaded, cursor.ErrOverloaded, group.ErrOverloaded, actors.ErrFull):
		return later(http.StatusTooManyRequests, codeRate, "more is asked of this name than it can take; nothing was done")
	case isAny(err, context.DeadlineExceeded, context.Canceled):
		return later(http.StatusServiceUnavailable, codeUnavailable, "there was no answer in time; it may have been done")
	case isAny(err, topic.ErrUnavailable, cursor.ErrUnavailable, group.ErrUnavailable, roster.ErrUnavailable, ratelimit.ErrUnavailable):
		return later(http.StatusServiceUnavailable, codeUnavailable, "the backend does not answer as it should; it may have been done")
	case isAny(err, topic.ErrClosed, cursor.ErrClosed, group.ErrStopped, ratelimit.ErrClosed, actors.ErrClosed,
		topic.ErrFailed, cursor.ErrFailed, actors.ErrFailed):
		return later(http.StatusServiceUnavailable, codeUnavailable, "this node stops, or could not do it; another one can")
	}
	return &Problem{Status: http.StatusInternalServerError, Code: codeInternal, Detail: "something went wrong in this node; its log says what", cause: err}
}

// judgeInput translates what is wrong with the request, nil for anything else.
func judgeInput(err error) *Problem {
	var text *topic.InputError
	var place *cursor.InputError
	var number *ratelimit.InputError
	var role *group.RoleError
	switch {
	case errors.As(err, &text):
		return wrong(text.Field, text.Rule)
	case errors.As(err, &place):
		return wrong(place.Field, place.Rule)
	case errors.As(err, &number):
		return wrong(number.Field, number.Rule)
	case errors.As(err, &role):
		return &Problem{Status: http.StatusBadRequest, Code: codeRole, Field: "role",
			Detail: "role must be one of " + strings.Join(role.Known, ", ")}
	}
	return nil
}

// judgeState translates what does not fit how things are, nil for anything else.
func judgeState(err error) *Problem {
	switch {
	case errors.Is(err, topic.ErrNoHistory):
		return missing("the topic keeps no history")
	case errors.Is(err, presence.ErrOff):
		return missing("the topic has no presence")
	case errors.Is(err, cursor.ErrOff):
		return missing("the topic has no cursors")
	case errors.Is(err, group.ErrNoGroup):
		return missing("no policy of this node matches the name, so there is no such group")
	case errors.Is(err, ratelimit.ErrUnknown):
		return missing("this node has no limit of that name")
	case isAny(err, group.ErrNotMember, roster.ErrAbsent):
		return &Problem{Status: http.StatusNotFound, Code: codeNotMember, Detail: "the member is not in the group", Field: "member"}
	case isAny(err, group.ErrClosed, roster.ErrClosed):
		return &Problem{Status: http.StatusConflict, Code: codeClosed, Detail: "the group was closed"}
	case isAny(err, group.ErrFull, cursor.ErrFull):
		return &Problem{Status: http.StatusConflict, Code: codeFull, Detail: "there is no place left"}
	}
	return nil
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// clip bounds what of a request is repeated in an answer.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
