package topic

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"encoding/json"
)

// Bounds of a frame. Anyone with access to the backend can write there, so a
// frame is looked at before it is believed.
const (
	maxFrame       = 4 << 20
	maxFrameEvents = 8192
	frameVersion   = 1
)

var errFrame = errors.New("topic: malformed relay frame")

// A frame is what nodes send each other about a topic: a run of events, and the
// number by which a receiver notices that one before it was lost.
type frame struct {
	node        string
	incarnation uint64 // of the sending actor; its numbers begin at 1
	number      uint64
	epoch       string // "" for a topic without history
	events      []Record
}

func (f *frame) encode() []byte {
	size := 64 + len(f.node) + len(f.epoch)
	for _, r := range f.events {
		size += 32 + len(r.Name) + len(r.Data)
	}
	b := append(make([]byte, 0, size), frameVersion)
	b = appendText(b, f.node)
	b = binary.AppendUvarint(b, f.incarnation)
	b = binary.AppendUvarint(b, f.number)
	b = appendText(b, f.epoch)
	b = binary.AppendUvarint(b, uint64(len(f.events)))
	for _, r := range f.events {
		b = binary.AppendUvarint(b, r.Seq)
		b = binary.AppendVarint(b, r.At.UnixMilli())
		b = appendText(b, r.Name)
		b = appendText(b, r.Data)
	}
	return b
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeFrame reads what encode wrote. It refuses everything that encode does
// not write for checked events. The frame shares the memory of b.
func decodeFrame(b []byte) (frame, error) {
	var f frame
	if len(b) > maxFrame || len(b) == 0 || b[0] != frameVersion {
		return f, errFrame
	}
	r := reader{rest: b[1:]}
	f.node = string(r.text())
	f.incarnation = r.uint()
	f.number = r.uint()
	f.epoch = string(r.text())
	n := r.uint()
	if r.bad || n == 0 || n > maxFrameEvents || f.number == 0 || f.node == "" || !utf8.ValidString(f.node+f.epoch) {
		return frame{}, errFrame
	}
	for range n {
		rec := Record{Seq: r.uint(), At: time.UnixMilli(r.int()), Name: string(r.text()), Data: r.text()}
		if r.bad || CheckEvent(rec.Name) != nil || !json.Valid(rec.Data) || (rec.Seq == 0) != (f.epoch == "") {
			return frame{}, errFrame
		}
		f.events = append(f.events, rec)
	}
	if len(r.rest) > 0 {
		return frame{}, errFrame
	}
	return f, nil
}

// reader takes values off the front. After the first fault everything is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	return take(r, v, n)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.rest)
	return take(r, v, n)
}

func take[T uint64 | int64](r *reader, v T, n int) T {
	if n <= 0 || r.bad {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() []byte {
	n := r.uint()
	if n > math.MaxInt32 || n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	s := r.rest[:n:n]
	r.rest = r.rest[n:]
	return s
}
