package roster

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// kinds of frames, their first byte.
const (
	frameChange = 'R' // R <epoch> <version> <count>\n then for each change +<key bytes> <value bytes>\n<key><value> or -<key bytes>\n<key>
	frameClosed = 'C' // C <epoch>\n
	frameWord   = 'W' // W <sender> <number> <tag bytes> <key bytes> <event bytes> <data bytes>\n then the four
)

// AppendChange writes the frame by which a Store relays the changes of one version.
func AppendChange(b []byte, epoch string, version uint64, changes []Change) []byte {
	b = fmt.Appendf(b, "%c %s %d %d\n", frameChange, epoch, version, len(changes))
	for _, c := range changes {
		if c.Value == nil {
			b = fmt.Appendf(b, "-%d\n%s", len(c.Key), c.Key)
			continue
		}
		b = fmt.Appendf(b, "+%d %d\n%s%s", len(c.Key), len(c.Value), c.Key, c.Value)
	}
	return b
}

// AppendClosed writes the frame by which a Closer relays that a roster was closed.
// The epoch is that of the roster that is over.
func AppendClosed(b []byte, epoch string) []byte {
	return fmt.Appendf(b, "%c %s\n", frameClosed, epoch)
}

func appendWord(b []byte, sender string, number uint64, w Word) []byte {
	b = fmt.Appendf(b, "%c %s %d %d %d %d %d\n", frameWord, sender, number, len(w.Tag), len(w.Key), len(w.Event), len(w.Data))
	b = append(append(append(b, w.Tag...), w.Key...), w.Event...)
	return append(b, w.Data...)
}

// A frame is what the relay brought.
type frame struct {
	kind    byte
	epoch   string
	version uint64
	changes []Change
	node    string // and actor, that said the word
	number  uint64
	word    Word
}

var errFrame = errors.New("roster: not a frame")

// parseFrame reads a frame. The result shares its memory.
func parseFrame(b []byte) (frame, error) {
	line, rest, ok := bytes.Cut(b, []byte{'\n'})
	fields := bytes.SplitN(line, []byte{' '}, 9) // more than any kind has
	if !ok || len(fields) < 2 || len(fields[0]) != 1 {
		return frame{}, errFrame
	}
	f := frame{kind: fields[0][0]}
	switch {
	case f.kind == frameChange && len(fields) == 4:
		err := f.parseChange(fields[1:], rest)
		return f, err
	case f.kind == frameClosed && len(fields) == 2 && len(rest) == 0:
		f.epoch = string(fields[1])
		return f, nil
	case f.kind == frameWord && len(fields) == 7:
		err := f.parseWord(fields[1:], rest)
		return f, err
	}
	return frame{}, errFrame
}

func (f *frame) parseChange(fields [][]byte, rest []byte) error {
	var err error
	f.epoch = string(fields[0])
	if f.version, err = strconv.ParseUint(string(fields[1]), 10, 64); err != nil || f.epoch == "" || f.version == 0 {
		return errFrame
	}
	count, err := strconv.ParseUint(string(fields[2]), 10, 32)
	if err != nil || count > uint64(len(rest)) {
		return errFrame
	}
	f.changes = make([]Change, 0, min(count, MaxOps))
	for range count {
		line, after, ok := bytes.Cut(rest, []byte{'\n'})
		if !ok || len(line) < 2 {
			return errFrame
		}
		c, after, err := parseOne(line, after)
		if err != nil {
			return err
		}
		f.changes, rest = append(f.changes, c), after
	}
	if len(rest) != 0 {
		return errFrame
	}
	return nil
}

func parseOne(line, rest []byte) (Change, []byte, error) {
	keyLength, valueLength, put := bytes.Cut(line[1:], []byte{' '})
	if line[0] != '+' && line[0] != '-' || put != (line[0] == '+') {
		return Change{}, nil, errFrame
	}
	key, rest, err := take(rest, keyLength)
	if err != nil || len(key) == 0 || !put {
		return Change{Key: string(key)}, rest, either(err, len(key) == 0)
	}
	value, rest, err := take(rest, valueLength)
	return Change{Key: string(key), Value: value}, rest, either(err, len(value) == 0)
}

func (f *frame) parseWord(fields [][]byte, rest []byte) error {
	f.node = string(fields[0])
	var parts [4][]byte
	var err error
	if f.number, err = strconv.ParseUint(string(fields[1]), 10, 64); err != nil {
		return errFrame
	}
	for i := range parts {
		if parts[i], rest, err = take(rest, fields[i+2]); err != nil {
			return err
		}
	}
	f.word = Word{Tag: string(parts[0]), Key: string(parts[1]), Event: string(parts[2]), Data: parts[3]}
	return either(nil, len(rest) != 0 || f.node == "")
}

// take cuts as many bytes off as the text says.
func take(b, length []byte) (part, rest []byte, err error) {
	n, err := strconv.ParseUint(string(length), 10, 31)
	if err != nil || n > uint64(len(b)) {
		return nil, nil, errFrame
	}
	return b[:n:n], b[n:], nil
}

func either(err error, bad bool) error {
	if err == nil && bad {
		return errFrame
	}
	return err
}
