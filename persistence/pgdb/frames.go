package pgdb

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
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

// chunkBytes of frames are in a payload, in base64, behind a head of at most 24 bytes.
const chunkBytes = (maxPayload - 24) / 4 * 3

// FrameChannel is the channel on which nodes of this schema send each other frames.
func (db *DB) FrameChannel() string { return db.plain + "_frames" }

// Payloads are the notifications that carry frames, in order. They belong into one transaction, in which
// nothing else is sent on FrameChannel, as
//
//	select pg_notify($1, p) from unnest($2::text[]) with ordinality as u(p, n) order by n
//
// Frames of any size can be sent; what they take in Postgres' queue is a third more.
func Payloads(frames []Frame) []string {
	var b []byte
	for _, f := range frames {
		b = append(binary.AppendUvarint(b, uint64(len(f.Topic))), f.Topic...)
		b = append(binary.AppendUvarint(b, uint64(len(f.Body))), f.Body...)
	}
	count := (len(b) + chunkBytes - 1) / chunkBytes
	out := make([]string, 0, count)
	for i := range count {
		chunk := b[i*chunkBytes : min((i+1)*chunkBytes, len(b))]
		out = append(out, fmt.Sprintf("%d/%d ", i+1, count)+base64.RawStdEncoding.EncodeToString(chunk))
	}
	return out
}

// An Assembler puts together what Payloads took apart. It belongs to one connection: with a new one it
// begins anew. The zero value is ready. It is not safe for concurrent use.
type Assembler struct {
	next, count int
	pid         uint32
	rest        []byte
}

var errPayload = errors.New("pgdb: malformed relay notification")

// maxChunks bounds what is gathered, 64 MiB.
const maxChunks = 64 << 20 / chunkBytes

// Add takes a notification and returns the frames that are complete with it. After an error what belonged to it is lost.
// The frames' memory is the caller's.
func (a *Assembler) Add(n Notification) ([]Frame, error) {
	head, text, ok := strings.Cut(n.Payload, " ")
	is, of, two := strings.Cut(head, "/")
	i, err1 := strconv.Atoi(is)
	count, err2 := strconv.Atoi(of)
	if !ok || !two || err1 != nil || err2 != nil || i < 1 || count < i || count > maxChunks {
		return nil, a.broken()
	}
	if i == 1 {
		if a.rest != nil {
			a.rest = nil // the end of another one did not come: its sender is a stranger
		}
		a.next, a.count, a.pid = 1, count, n.PID
	}
	if i != a.next || count != a.count || n.PID != a.pid {
		return nil, a.broken()
	}
	chunk, err := base64.RawStdEncoding.AppendDecode(a.rest, []byte(text))
	if err != nil {
		return nil, a.broken()
	}
	if i < count {
		a.rest, a.next = chunk, i+1
		return nil, nil
	}
	a.rest, a.next = nil, 0
	return parseFrames(chunk)
}

func (a *Assembler) broken() error {
	a.rest, a.next = nil, 0
	return errPayload
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
