package redisconn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// A refusal is an error reply that a server gives to whatever it is asked, so
// that it counts as a failure of the server and not as an answer.
type refusal struct {
	prefix string
	reason string // see Reason
	why    string
}

// Every other error reply is an answer. Among these are OOM, MISCONF and
// NOREPLICAS: they refuse writes only; reads go on, would be refused too if these
// opened the breaker, and would close it again. TRYAGAIN, MOVED and ASK concern
// one slot of many, NOPERM one command of many.
var refusals = []refusal{
	{"LOADING", "loading", "the server reads its data from disk and serves nothing"},
	{"READONLY", "readonly", "this is a replica now: writes fail, and what it reads may be behind"},
	{"MASTERDOWN", "readonly", "this is a replica that has lost its master"},
	{"CLUSTERDOWN", "error", "the Cluster misses slots and serves none"},
	{"BUSY ", "timeout", "somebody's script runs on and on, and nothing else is served"},
	{"max number of clients reached", "refused", "the server takes no more connections"},
	{"NOAUTH", "refused", "the password has changed"},
	{"WRONGPASS", "refused", "the password has changed"},
}

func refusalOf(err error) *refusal {
	if _, ok := errors.AsType[redis.Error](err); !ok {
		return nil
	}
	for i, r := range refusals {
		if redis.HasErrorPrefix(err, r.prefix) {
			return &refusals[i]
		}
	}
	return nil
}

// Answered reports whether an error is an answer: the server is well, and said
// no. It is meant for breaker.Options. A missing key is an answer, and so is an
// error reply, except those with which a server refuses everything, such as
// LOADING. A lost connection and a timeout are none.
func Answered(err error) bool {
	_, reply := errors.AsType[redis.Error](err)
	return reply && refusalOf(err) == nil
}

// Reason is why a call failed, in a word that may be shown to anyone: "timeout",
// "refused" (no connection, or no more of them, or a wrong password), "lost" (the connection
// ended before the answer came), "loading", "readonly", or "error". It is meant for
// breaker.Options.
func Reason(err error) string {
	if r := refusalOf(err); r != nil {
		return r.reason
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	if op, ok := errors.AsType[*net.OpError](err); errors.Is(err, syscall.ECONNREFUSED) || ok && op.Op == "dial" {
		return "refused"
	}
	for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, lost) {
			return "lost"
		}
	}
	return "error"
}

// hint says what somebody might look at who could not connect.
func hint(err error, t *target) string {
	text := err.Error()
	switch {
	case redis.HasErrorPrefix(err, "NOAUTH"):
		return "the server wants a password: redis://:password@" + t.addr
	case redis.HasErrorPrefix(err, "WRONGPASS"):
		return "user or password is wrong"
	case redis.HasErrorPrefix(err, "NOPERM"):
		return "the user may not do this; see ACL in Redis' manual"
	case redis.HasErrorPrefix(err, "DB index is out of range"):
		return "the server has fewer databases"
	case strings.Contains(text, "x509:") || strings.Contains(text, "tls:"):
		return "TLS failed: is rediss:// right for this port, and its certificate one that this system trusts?"
	case strings.Contains(text, "no such host"):
		return "is the name right?"
	case Reason(err) == "refused":
		return "is Redis running at " + t.addr + "?"
	case Reason(err) == "lost":
		return "the server closed the connection: does it want TLS (rediss://)?"
	case Reason(err) == "timeout":
		return "nothing answers at " + t.addr + ": is a firewall between, or does the server want TLS (rediss://)?"
	case Reason(err) == "loading":
		return "the server reads its data from disk; try again soon"
	}
	return "is Redis 7 running at " + t.addr + "?"
}

func isNil(err error) bool { return errors.Is(err, redis.Nil) }
