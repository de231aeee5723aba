package cursor

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"unicode/utf8"
)

// Bounds of a frame. Anyone with access to the backend can write there, so a frame is
// looked at before it is believed.
const (
	frameVersion = 1
	maxFrame     = MaxBytes + maxData + MaxUser + 64<<10 // what nodes send, and the entry that goes beyond
	maxNumber    = 1<<53 - 1
	maxWord      = 256 // bytes of a node's name or life
)

var errFrame = errors.New("cursor: malformed relay frame")

// A frame is what nodes send each other about a board:
//
//	version byte, node, life        texts, with their length as a uvarint before them
//	incarnation, number             uvarints: of the sending actor, and of its frames from 1 on
//	entries to the end              key, number, kind byte; of a move also user and data
//
// A frame without entries says only that there were so many before it.
type frame struct {
	node, life          string
	incarnation, number uint64
	entries             []Entry
}

const (
	kindMove   = '+'
	kindRemove = '-'
)

// appendHead writes what all frames of a node begin with.
func appendHead(b []byte, node string) []byte {
	return appendText(append(b, frameVersion), node)
}

func appendText[T string | []byte | json.RawMessage](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (f *frame) encode() []byte {
	size := 64 + len(f.node) + len(f.life)
	for i := range f.entries {
		size += f.entries[i].size() + 24
	}
	b := appendHead(make([]byte, 0, size), f.node)
	b = appendText(b, f.life)
	b = binary.AppendUvarint(b, f.incarnation)
	b = binary.AppendUvarint(b, f.number)
	for i := range f.entries {
		e := &f.entries[i]
		b = binary.AppendUvarint(appendText(b, e.Key), e.Number)
		if e.Data == nil {
			b = append(b, kindRemove)
			continue
		}
		b = appendText(appendText(append(b, kindMove), e.User), e.Data)
	}
	return b
}

func (e *Entry) size() int { return len(e.Key) + len(e.User) + len(e.Data) }

// decodeFrame refuses everything that encode does not write. The frame shares the memory
// of b.
func decodeFrame(b []byte) (frame, error) {
	var f frame
	if len(b) == 0 || len(b) > maxFrame || b[0] != frameVersion {
		return f, errFrame
	}
	r := reader{rest: b[1:]}
	node, life := r.text(), r.text()
	f.node, f.life = string(node), string(life)
	f.incarnation, f.number = r.uint(), r.uint()
	if r.bad || !word(f.node) || !word(f.life) || f.number == 0 {
		return frame{}, errFrame
	}
	for len(r.rest) > 0 {
		e := r.entry()
		if r.bad || len(f.entries) >= MaxEntries {
			return frame{}, errFrame
		}
		e.Life = f.life
		f.entries = append(f.entries, e)
	}
	return f, nil
}

// word reports whether s can be the name of a node or a life.
func word(s string) bool { return s != "" && len(s) <= maxWord && utf8.ValidString(s) }

// reader takes values off the front. After the first fault everything is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
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

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) entry() Entry {
	e := Entry{Key: string(r.text()), Number: r.uint()}
	switch r.byte() {
	case kindMove:
		e.User, e.Data = r.text(), r.text()
		r.bad = r.bad || e.Data == nil
	case kindRemove:
	default:
		r.bad = true
	}
	r.bad = r.bad || !e.valid()
	return e
}

// valid reports whether an entry that came from a backend can be shown.
func (e *Entry) valid() bool {
	if e.Key == "" || len(e.Key) > MaxKey || !utf8.ValidString(e.Key) || e.Number == 0 || e.Number > maxNumber {
		return false
	}
	return e.Data == nil || len(e.Data) <= maxData && len(e.User) <= MaxUser && validJSON(e.Data) && validJSON(e.User)
}
