package pgdb

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A Frame is what nodes send each other about a topic.
type Frame struct {
	Topic string
	Body  []byte
}

// maxPayload is what Postgres takes as a payload, in bytes; one less than its limit of 8000.
const maxPayload = 7999

// headBytes bound what is before the frames in a payload: the packet's id, and which of its payloads this is.
const headBytes = len("01234567 12345/12345 ")

// chunkBytes of frames are in a payload, in base64.
const chunkBytes = (maxPayload - headBytes) / 4 * 3

// maxChunks bounds a packet, to 64 MiB.
const maxChunks = 64 << 20 / chunkBytes

// MaxFrame is how many bytes of topic and body a frame may have to be sent; larger ones are refused by those who receive them.
const MaxFrame = maxChunks*chunkBytes - 2*binary.MaxVarintLen64

// FrameChannel is the channel on which nodes of this schema send each other frames.
func (db *DB) FrameChannel() string { return db.plain + "_frames" }

// Payloads are the notifications that carry frames, in order. They belong into one transaction, as
//
//	select pg_notify($1, p) from unnest($2::text[]) with ordinality as u(p, n) order by n
//
// in which more of them may follow. What they take in Postgres' queue is a third more than what the frames have.
func Payloads(frames []Frame) []string {
	var out []string
	var b []byte
	for _, f := range frames {
		if len(b) > 0 && len(b)+len(f.Topic)+len(f.Body) > MaxFrame {
			out, b = appendPacket(out, b), b[:0]
		}
		b = append(binary.AppendUvarint(b, uint64(len(f.Topic))), f.Topic...)
		b = append(binary.AppendUvarint(b, uint64(len(f.Body))), f.Body...)
	}
	return appendPacket(out, b)
}

// appendPacket cuts a packet. Its id is drawn because Postgres drops a payload that is in the transaction already.
func appendPacket(out []string, b []byte) []string {
	id := rand.Uint32()
	count := (len(b) + chunkBytes - 1) / chunkBytes
	out = slices.Grow(out, count)
	text := make([]byte, 0, maxPayload)
	for i := range count {
		chunk := b[i*chunkBytes : min((i+1)*chunkBytes, len(b))]
		text = fmt.Appendf(text[:0], "%08x %d/%d ", id, i+1, count)
		out = append(out, string(base64.RawStdEncoding.AppendEncode(text, chunk)))
	}
	return out
}

// An Assembler puts together what Payloads took apart. It belongs to one connection: with a new one it
// begins anew. The zero value is ready. It is not safe for concurrent use.
type Assembler struct {
	packet string // its id and count; "" for none
	pid    uint32
	next   int
	count  int
	rest   []byte
}

var errPayload = errors.New("pgdb: a relay notification is malformed, or others before it are missing")

// Add takes a notification and returns the frames that are complete with it, whose memory is the caller's. An error says that
// frames may have been lost, beside those that it returns. A notification that is no part of a packet does not disturb the one that
// is being put together. It holds 64 MiB at most.
func (a *Assembler) Add(n Notification) ([]Frame, error) {
	i, count, text, ok := parseHead(n.Payload)
	if !ok {
		return nil, errPayload
	}
	id := n.Payload[:8]
	var lost error
	if i == 1 {
		if a.packet != "" {
			lost = errPayload // the end of another one did not come
		}
		*a = Assembler{packet: strings.Clone(id), pid: n.PID, next: 1, count: count}
	}
	if id != a.packet || n.PID != a.pid || i != a.next || count != a.count {
		return nil, errPayload
	}
	chunk, err := base64.RawStdEncoding.AppendDecode(a.rest, []byte(text))
	if err != nil || i < count && len(chunk) != i*chunkBytes {
		*a = Assembler{}
		return nil, errPayload
	}
	if i < count {
		a.rest, a.next = chunk, i+1
		return nil, lost
	}
	*a = Assembler{}
	frames, err := parseFrames(chunk)
	return frames, cmp.Or(err, lost)
}

// parseHead understands "01234567 1/3 ", and what follows.
func parseHead(payload string) (i, count int, text string, ok bool) {
	if len(payload) > maxPayload || len(payload) < 9 || payload[8] != ' ' || strings.ContainsRune(payload[:8], ' ') {
		return 0, 0, "", false
	}
	head, text, ok := strings.Cut(payload[9:], " ")
	is, of, two := strings.Cut(head, "/")
	i, err1 := strconv.Atoi(is)
	count, err2 := strconv.Atoi(of)
	fine := ok && two && err1 == nil && err2 == nil && i >= 1 && i <= count && count <= maxChunks
	return i, count, text, fine
}

func parseFrames(b []byte) ([]Frame, error) {
	var frames []Frame
	for len(b) > 0 {
		topic, rest, ok := cutText(b)
		if !ok {
			return nil, errPayload
		}
		body, rest, ok := cutText(rest)
		if !ok {
			return nil, errPayload
		}
		frames, b = append(frames, Frame{Topic: string(topic), Body: body}), rest
	}
	return frames, nil
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n:n], b[n:], true
}
