package pgdb

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Answered reports whether an error is an answer: the server is well, and said no, or what the caller itself returned
// from Run. It is meant for breaker.Options. Not an answer is what the server says to everybody: that it
// starts, stops, is full, or a standby; nor a statement that it gave up because it took too long.
func Answered(err error) bool {
	return err != nil && reason(err) == "" && !errors.Is(err, context.Canceled)
}

// reasonOf is why the server can not serve, "" if it can.
func reasonOf(e *pgconn.PgError) string {
	switch {
	case strings.HasPrefix(e.Code, "08"): // connection
		return "lost"
	case e.Code == "57014", e.Code == "55P03", e.Code == "25P03", e.Code == "57P05": // statement, lock, idle
		return "timeout"
	case e.Code == "57P01", e.Code == "57P02": // stops, crashed
		return "lost"
	case e.Code == "57P03": // starts
		return "loading"
	case e.Code == "25006": // read only: a standby
		return "readonly"
	case e.Code == "53100": // disk full
		return "full"
	case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "28"): // too many connections, password
		return "refused"
	case strings.HasPrefix(e.Code, "58"), strings.HasPrefix(e.Code, "XX"): // its files, its innards
		return "error"
	}
	return ""
}

// Reason is why a call failed, in a word that may be shown to anyone: "timeout", "refused"
// (no connection, or no more of them, or a wrong password), "lost" (the connection ended before the
// answer came), "loading", "readonly", "full" (the disk), or "error". It is meant for breaker.Options.
func Reason(err error) string { return cmp.Or(reason(err), "error") }

// reason is "" of an answer, and of what has nothing to do with the server.
func reason(err error) string {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if connecting { // whatever it says, there is no connection
			return cmp.Or(reasonOf(e), "refused")
		}
		return reasonOf(e)
	}
	if errors.Is(err, context.Canceled) {
		return "" // the caller left, and the breaker knows what that means
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	if op, ok := errors.AsType[*net.OpError](err); errors.Is(err, syscall.ECONNREFUSED) || ok && op.Op == "dial" {
		return "refused"
	}
	if connecting {
		return "refused"
	}
	for _, lost := range []error{errLost, ErrClosed, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, lost) {
			return "lost"
		}
	}
	return ""
}

// Code is the SQLSTATE of an error of the server, "" of others.
func Code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// again reports whether a transaction failed because of others beside it, and would succeed if it ran again.
func again(err error) bool {
	code := Code(err)
	return code == "40001" || code == "40P01" // serialization, deadlock
}

// hint says what somebody might look at who could not connect.
func hint(err error, where string) string {
	text := err.Error()
	switch code := Code(err); {
	case strings.HasPrefix(code, "28"):
		return "user or password is wrong, or pg_hba.conf does not let this user in from here"
	case code == "3D000":
		return "there is no such database; create it: createdb NAME"
	case code == "53300":
		return "the server takes no more connections: see max_connections"
	case code == "57P03":
		return "the server starts or stops; try again soon"
	case strings.Contains(text, "unsupported startup parameter"):
		return "a pooler is between that lets settings not through: Postgres itself is needed, as LISTEN and locks of a session do not work with poolers either"
	case code == "42704", strings.HasPrefix(code, "22"):
		return "a parameter of the URL is none that the server knows, or has a value that it does not take"
	case strings.Contains(text, "read only connection"):
		return "no server of the URL takes writes: all are standbys"
	case strings.Contains(text, "x509:") || strings.Contains(text, "tls:") || strings.Contains(text, "refused TLS"):
		return "TLS failed: which sslmode does the server want, and is its certificate one that this system trusts?"
	case strings.Contains(text, "no such host"):
		return "is the name right?"
	case Reason(err) == "timeout":
		return "nothing answers at " + where + ": is a firewall between?"
	}
	return "is Postgres running at " + where + "?"
}
