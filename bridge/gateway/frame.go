package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is the type of a frame from a client.
type kind uint8

const (
	kindUnknown kind = iota
	kindHello
	kindSubscribe
	kindSubscribeBatch
	kindUnsubscribe
	kindResume
	kindPublish
	kindReplay
	kindReply
	kindCursor
	kindCursorSnapshot
	kindPresence
	kindJoin
	kindLeave
	kindBinary
	kinds
)

var kindNames = [kinds]string{
	"unknown", "hello", "subscribe", "subscribe-batch", "unsubscribe", "resume", "publish", "replay", "reply",
	"cursor", "cursor-snapshot", "presence", "join", "leave", "binary",
}

func (k kind) String() string { return kindNames[k] }

func kindOf(name []byte) kind {
	for k := kindHello; k < kindBinary; k++ {
		if kindNames[k] == string(name) {
			return k
		}
	}
	return kindUnknown
}

// maxDepth bounds how deeply a frame may nest. The parser recurses, and its
// stack would stay with the connection.
const maxDepth = 256

// maxRef bounds a reference, which is sent back.
const maxRef = 128

// A frameError tells a client what is wrong with its frame.
type frameError struct {
	field string // "" for the frame as a whole
	rule  string
}

func (e *frameError) Error() string {
	if e.field == "" {
		return "the frame " + e.rule
	}
	return e.field + " " + e.rule
}

// fields of a frame that mean something.
const (
	fieldType = iota
	fieldTopic
	fieldTopics
	fieldEvent
	fieldData
	fieldRef
	fieldReqID
	fieldSince
	fieldEpoch
	fieldEpochs
	fieldSeqs
	fieldID
	fieldCaps
	fieldError
	fieldPosition
	fieldGroup
	fieldRole
	fieldBare
	fieldCount
)

var fieldNames = [fieldCount]string{
	"type", "topic", "topics", "event", "data", "ref", "reqId", "since", "epoch", "epochs", "lastSeenSeqs", "id", "caps", "error",
	"position", "group", "role", "bare",
}

// A frame is one message of a client, cut into its fields. What kind does not
// use is not looked at. The slices share the memory of the message.
type frame struct {
	kind kind
	raw  [fieldCount][]byte // JSON; nil if absent or null
}

// A parser is reused between messages.
type parser struct {
	frame frame
	in    bytes.Buffer
	dec   *jsontext.Decoder
	names [][]byte
}

var parsers = sync.Pool{New: func() any {
	return &parser{dec: jsontext.NewDecoder(bytes.NewReader(nil))}
}}

// parse cuts a message into fields. The error, a *frameError, says why it is no
// JSON object.
func (p *parser) parse(msg []byte) (*frame, error) {
	p.frame = frame{}
	if len(msg) > maxDepth && depth(msg) > maxDepth {
		return nil, &frameError{rule: "must not nest deeper than " + strconv.Itoa(maxDepth) + " levels"}
	}
	if err := p.object(msg, p.keep); err != nil {
		return nil, err
	}
	if t, ok := text(p.frame.raw[fieldType]); ok {
		p.frame.kind = kindOf(t)
	}
	return &p.frame, nil
}

func (p *parser) keep(name, value []byte) error {
	for i := range fieldNames {
		if fieldNames[i] == string(name) {
			if value[0] == 'n' {
				value = nil
			}
			p.frame.raw[i] = value
			return nil
		}
	}
	return nil
}

// object calls each for every member of the JSON object that msg consists of.
func (p *parser) object(msg []byte, each func(name, value []byte) error) error {
	p.in = *bytes.NewBuffer(msg)
	p.dec.Reset(&p.in)
	if p.dec.PeekKind() != '{' {
		if _, err := p.dec.ReadValue(); err != nil {
			return syntax(err)
		}
		return &frameError{rule: "must be a JSON object"}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for p.dec.PeekKind() != '}' {
		name, err := p.value(msg)
		if err != nil {
			return syntax(err)
		}
		value, err := p.value(msg)
		if err != nil {
			return syntax(err)
		}
		key, _ := text(name)
		if err := each(key, value); err != nil {
			return err
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &frameError{rule: "must be one JSON object with nothing after it"}
	}
	return nil
}

// value returns the next one as a part of msg, which outlives the decoder.
func (p *parser) value(msg []byte) ([]byte, error) {
	v, err := p.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(p.dec.InputOffset())
	return msg[end-len(v) : end : end], nil
}

func syntax(err error) error {
	var se *jsontext.SyntacticError
	if errors.As(err, &se) {
		return &frameError{rule: fmt.Sprintf("must be JSON: byte %d: %v", se.ByteOffset, se.Err)}
	}
	return &frameError{rule: "must be JSON"}
}

// depth is how deeply msg nests at most, as far as brackets tell.
func depth(msg []byte) int {
	level, deepest := 0, 0
	for i := 0; i < len(msg); i++ {
		switch msg[i] {
		case '"':
			for i++; i < len(msg) && msg[i] != '"'; i++ {
				if msg[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			level++
			deepest = max(deepest, level)
		case '}', ']':
			level--
		}
	}
	return deepest
}

// text returns what a JSON string says.
func text(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	return s, err == nil
}
