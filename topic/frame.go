package topic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a frame. Anyone with access to the backend can write there, so a
// frame is looked at before it is believed.
const (
	maxFrame       = 20 << 20 // an event of maxData, and what belongs to it
	maxFrameEvents = 8192
	maxEpoch       = 64
	frameVersion   = 2
)

var errFrame = errors.New("topic: malformed relay frame")

// A frame is what nodes send each other about a topic: events, and the number by
// which a receiver notices that a frame before it was lost. It is
//
//	version byte, node, incarnation, number    by whoever sends it
//	runs of consecutive events, at least one
//
// and a run is
//
//	"EPOCH FIRST AT COUNT\n"                   by whoever numbers it: decimal, AT in Unix milliseconds
//	COUNT times: name, data                    each with its length as a uvarint before it
//
// The line is text, so that a script in a database can write it. Only the first run
// may be without events: with history it says that the topic stands before FIRST,
// without history that a frame before this one did not go out.
type frame struct {
	node        string
	incarnation uint64 // of the sending actor; its numbers begin at 1
	number      uint64 // 0: a Log sent it, and only the events' numbers count
	epoch       string // "" for a topic without history
	gap         bool   // without history: a frame before this one is lost
	head        uint64 // the newest number the frame tells of
	events      []Record
}

// FrameHead begins a frame that a RelayingLog sends on behalf of a node. One run
// follows: its line, and its events as AppendEntry writes them.
func FrameHead(node string) []byte { return (&frame{node: node}).appendHead(nil) }

// AppendEntry writes an event as it stands in a frame.
func AppendEntry(b []byte, name string, data []byte) []byte {
	return appendText(appendText(b, name), data)
}

// ReadEntries reads what AppendEntry wrote, count times. Records share the memory
// of b and have neither number nor time.
func ReadEntries(b []byte, count int) ([]Record, error) {
	r := reader{rest: b}
	recs := r.entries(nil, uint64(max(count, 0)))
	if r.bad || len(r.rest) > 0 {
		return nil, errFrame
	}
	return recs, nil
}

func (f *frame) appendHead(b []byte) []byte {
	b = appendText(append(b, frameVersion), f.node)
	b = binary.AppendUvarint(b, f.incarnation)
	return binary.AppendUvarint(b, f.number)
}

func (f *frame) encode() []byte {
	size := 128 + len(f.node) + len(f.epoch)
	for _, r := range f.events {
		size += 32 + len(r.Name) + len(r.Data)
	}
	b := f.appendHead(make([]byte, 0, size))
	if f.gap || len(f.events) == 0 {
		first := uint64(0)
		if f.epoch != "" {
			first = f.head + 1
		}
		b = appendLine(b, f.epoch, first, time.UnixMilli(0), 0)
	}
	rest := f.events
	for len(rest) > 0 {
		n := runLength(rest)
		b = appendLine(b, f.epoch, rest[0].Seq, rest[0].At, n)
		for _, r := range rest[:n] {
			b = AppendEntry(b, r.Name, r.Data)
		}
		rest = rest[n:]
	}
	return b
}

// runLength is how many of the records a run can hold: consecutive, of one time.
func runLength(recs []Record) int {
	n := 1
	for n < len(recs) && recs[n].At.Equal(recs[0].At) &&
		(recs[0].Seq == 0 && recs[n].Seq == 0 || recs[0].Seq > 0 && recs[n].Seq == recs[0].Seq+uint64(n)) {
		n++
	}
	return n
}

func appendLine(b []byte, epoch string, first uint64, at time.Time, count int) []byte {
	b = append(append(b, epoch...), ' ')
	b = append(strconv.AppendUint(b, first, 10), ' ')
	b = append(strconv.AppendInt(b, at.UnixMilli(), 10), ' ')
	return append(strconv.AppendInt(b, int64(count), 10), '\n')
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeFrame refuses everything that encode does not write for checked events.
// The frame shares the memory of b.
func decodeFrame(b []byte) (frame, error) {
	var f frame
	if len(b) > maxFrame || len(b) == 0 || b[0] != frameVersion {
		return f, errFrame
	}
	r := reader{rest: b[1:]}
	f.node = string(r.text())
	f.incarnation = r.uint()
	f.number = r.uint()
	if r.bad || f.node == "" || !utf8.ValidString(f.node) || len(r.rest) == 0 {
		return frame{}, errFrame
	}
	for first := true; len(r.rest) > 0; first = false {
		if !f.takeRun(&r, first) {
			return frame{}, errFrame
		}
	}
	if f.epoch == "" && f.number == 0 {
		return frame{}, errFrame
	}
	return f, nil
}

// headOnly reports whether a frame with history began with an empty run, after
// which nothing may follow.
func (f *frame) headOnly() bool { return f.epoch != "" && len(f.events) == 0 }

// takeRun reads one run; all of a frame have one epoch.
func (f *frame) takeRun(r *reader, first bool) bool {
	epoch, seq, at, count, ok := r.line()
	if !ok || count > uint64(maxFrameEvents-len(f.events)) || !first && (epoch != f.epoch || count == 0 || f.headOnly()) {
		return false
	}
	if (epoch == "") != (seq == 0) || seq > math.MaxUint64-count {
		return false
	}
	f.epoch, f.gap = epoch, f.gap || first && epoch == "" && count == 0
	from := len(f.events)
	f.events = r.entries(f.events, count)
	for i := range f.events[from:] {
		rec := &f.events[from+i]
		rec.At = time.UnixMilli(at)
		if epoch != "" {
			rec.Seq = seq + uint64(i)
		}
		if CheckEvent(rec.Name) != nil || !validJSON(rec.Data) {
			return false
		}
	}
	if epoch != "" {
		f.head = max(f.head, seq+count-1)
	}
	return !r.bad
}

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

func (r *reader) entries(into []Record, count uint64) []Record {
	for i := uint64(0); i < count && !r.bad; i++ {
		name, data := r.text(), r.text()
		into = append(into, Record{Name: string(name), Data: data})
	}
	return into
}

// line reads the head of a run.
func (r *reader) line() (epoch string, first uint64, at int64, count uint64, ok bool) {
	// A line is bounded before it is searched for.
	end := bytes.IndexByte(r.rest[:min(len(r.rest), maxEpoch+64)], '\n')
	if end < 0 {
		return "", 0, 0, 0, false
	}
	fields := strings.Split(string(r.rest[:end]), " ")
	r.rest = r.rest[end+1:]
	if len(fields) != 4 || len(fields[0]) > maxEpoch || !plainText(fields[0]) {
		return "", 0, 0, 0, false
	}
	var errs [3]error
	first, errs[0] = strconv.ParseUint(fields[1], 10, 64)
	at, errs[1] = strconv.ParseInt(fields[2], 10, 64)
	count, errs[2] = strconv.ParseUint(fields[3], 10, 16)
	return fields[0], first, at, count, errors.Join(errs[:]...) == nil
}

// plainText reports whether s is printable ASCII without spaces.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
