package gateway

import (
	"encoding/binary"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/topic"
)

// Bytes of the WebSocket framing that servers write: never masked, never
// fragmented.
const (
	frameText  = 0x81
	frameClose = 0x88
	framePing  = 0x89
	maxHeader  = 10
)

var (
	wsPing   = []byte{framePing, 0}
	textPing = appendText(nil, []byte(`{"type":"ping"}`))
)

// appendHeader begins a text frame of n bytes.
func appendHeader(b []byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, frameText, byte(n))
	case n <= 0xffff:
		return append(b, frameText, 126, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint64(append(b, frameText, 127), uint64(n))
}

func appendText(b, payload []byte) []byte {
	return append(appendHeader(b, len(payload)), payload...)
}

// frameSize is how many bytes the frame at the beginning of b takes.
func frameSize(b []byte) int {
	switch n := int(b[1] & 0x7f); n {
	case 126:
		return 4 + int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		return 10 + int(binary.BigEndian.Uint64(b[2:]))
	default:
		return 2 + n
	}
}

// headerSize is how many bytes of framing n bytes need.
func headerSize(n int) int {
	switch {
	case n < 126:
		return 2
	case n <= 0xffff:
		return 4
	}
	return maxHeader
}

// begin makes room for a header; end fills it in when the length is known.
func begin(b []byte) (_ []byte, mark int) {
	mark = len(b)
	return append(b, 0, 0, 0, 0), mark
}

func end(b []byte, mark int) []byte {
	n := len(b) - mark - 4
	switch {
	case n < 126:
		copy(b[mark+2:], b[mark+4:])
		b = b[:len(b)-2]
	case n > 0xffff:
		b = append(b, 0, 0, 0, 0, 0, 0)
		copy(b[mark+maxHeader:], b[mark+4:])
	}
	appendHeader(b[:mark], n)
	return b
}

func closeFrame(code int, reason string) []byte {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	b := []byte{frameClose, byte(2 + len(reason)), byte(code >> 8), byte(code)}
	return append(b, reason...)
}

// quote appends s as a JSON string. The text has been checked to be UTF-8 where
// it came in; what is not all the same is mangled, not passed on.
func quote[T string | []byte](b []byte, s T) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendRef(b []byte, name string, ref []byte) []byte {
	if ref == nil {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return append(b, ref...)
}

func appendPosition(b []byte, p topic.Position) []byte {
	b = strconv.AppendUint(append(b, `,"seq":`...), p.Seq, 10)
	return quote(append(b, `,"epoch":`...), p.Epoch)
}

func appendWelcome(b []byte, session, node string, resumed bool) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"type":"welcome","sessionId":`...), session)
	b = quote(append(b, `,"node":`...), node)
	b = strconv.AppendBool(append(b, `,"resumed":`...), resumed)
	return end(append(b, '}'), m)
}

func appendSubscribed(b []byte, name string, ref []byte, history bool, head topic.Position) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"type":"subscribed","topic":`...), name)
	b = appendRef(b, "ref", ref)
	if history {
		b = appendPosition(b, head)
	}
	return end(append(b, '}'), m)
}

func appendDenied(b []byte, name string, ref []byte, reason string) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"type":"subscribe-denied","topic":`...), name)
	b = appendRef(b, "ref", ref)
	b = quote(append(b, `,"reason":`...), reason)
	return end(append(b, '}'), m)
}

func appendResumed(b []byte) []byte { return appendText(b, []byte(`{"type":"resumed"}`)) }

func appendPublished(b, ref []byte, r topic.Receipt) []byte {
	b, m := begin(b)
	b = appendRef(append(b, `{"type":"published"`...), "ref", ref)
	if r.Position != (topic.Position{}) {
		b = appendPosition(b, r.Position)
	}
	b = strconv.AppendBool(append(b, `,"duplicate":`...), r.Duplicate)
	return end(append(b, '}'), m)
}

func appendPublishDenied(b, ref []byte, v verdict) []byte {
	b, m := begin(b)
	b = appendRef(append(b, `{"type":"publish-denied"`...), "ref", ref)
	b = quote(append(b, `,"reason":`...), v.reason)
	if v.retryAfterMs > 0 {
		b = strconv.AppendInt(append(b, `,"retryAfterMs":`...), int64(v.retryAfterMs), 10)
	}
	return end(append(b, '}'), m)
}

func appendError(b, ref []byte, code, message string) []byte {
	b, m := begin(b)
	b = appendRef(append(b, `{"type":"error"`...), "ref", ref)
	b = quote(append(b, `,"code":`...), code)
	b = quote(append(b, `,"message":`...), message)
	return end(append(b, '}'), m)
}

func appendRequest(b []byte, ref uint64, event string, data []byte) []byte {
	b, m := begin(b)
	b = strconv.AppendUint(append(b, `{"type":"request","ref":`...), ref, 10)
	b = quote(append(b, `,"event":`...), event)
	b = append(append(b, `,"data":`...), data...)
	return end(append(b, '}'), m)
}

// appendEvent writes a direct event, which has no position.
func appendEvent(b []byte, name, event string, data []byte) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"topic":`...), name)
	b = quote(append(b, `,"event":`...), event)
	b = append(append(b, `,"data":`...), data...)
	return end(append(b, '}'), m)
}

// appendStale announces events that a slow receiver did not get. It is what
// topic.Stale says, and the dropped numbers where the topic has them.
func appendStale(b []byte, l *lost) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"topic":`...), l.topic)
	b = strconv.AppendInt(append(b, `,"event":"stale","data":{"since":`...), l.since.UnixMilli(), 10)
	if l.from > 0 {
		b = strconv.AppendUint(append(b, `,"from":`...), l.from, 10)
		b = strconv.AppendUint(append(b, `,"to":`...), l.to, 10)
	}
	return end(append(b, `}}`...), m)
}

func appendJoined(b []byte, group, role string, ref []byte) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"type":"joined","group":`...), group)
	b = quote(append(b, `,"role":`...), role)
	b = appendRef(b, "ref", ref)
	return end(append(b, '}'), m)
}

func appendJoinDenied(b []byte, group string, ref []byte, reason string) []byte {
	b, m := begin(b)
	b = quote(append(b, `{"type":"join-denied","group":`...), group)
	b = quote(append(b, `,"reason":`...), reason)
	b = appendRef(b, "ref", ref)
	return end(append(b, '}'), m)
}

// appendRefusal ends what a receiver had.
func appendRefusal(b []byte, r *receiver, ref []byte, reason string) []byte {
	if r.channel == onGroup {
		return appendJoinDenied(b, subject(r.topic), ref, reason)
	}
	return appendDenied(b, r.topic, ref, reason)
}
