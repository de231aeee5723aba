package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Centrifuge is the JSON protocol of github.com/centrifugal/centrifuge. A frame
// may hold several messages, one a line.
type Centrifuge struct{}

// Path implements Protocol.
func (Centrifuge) Path() string { return "/connection/websocket" }

// Hello implements Protocol.
func (Centrifuge) Hello() []byte { return []byte(`{"id":1,"connect":{}}`) }

// Subscribe implements Protocol.
func (Centrifuge) Subscribe(s Subscription) []byte {
	b := fmt.Appendf(nil, `{"id":%d,"subscribe":{"channel":%q`, s.Ref+2, s.Topic)
	if s.Since != nil {
		b = fmt.Appendf(b, `,"recover":true,"offset":%d,"epoch":%q`, s.Since.Seq, s.Since.Epoch)
	}
	return append(b, "}}"...)
}

// Publish implements Protocol.
func (Centrifuge) Publish(dst []byte, topic string, ref int, data []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(ref+2), 10)
	dst = append(append(dst, `,"publish":{"channel":"`...), topic...)
	dst = append(append(dst, `","data":`...), data...)
	return append(dst, "}}"...)
}

var (
	emptyReply       = []byte("{}")
	emptyLine        = []byte("\n{}")
	newline          = []byte("\n")
	centrifugePush   = []byte(`{"push":`)
	centrifugeAck    = []byte(`,"publish":{`)
	centrifugePushed = []byte(`"pub":`)
)

// Read implements Protocol.
func (Centrifuge) Read(message []byte) Answer {
	var all Answer
	for line := range bytes.SplitSeq(message, newline) {
		if len(line) > 0 {
			readReply(line, &all)
		}
	}
	return all
}

func readReply(line []byte, all *Answer) {
	head := line[:min(len(line), 40)]
	switch {
	case bytes.Equal(line, emptyReply):
		all.Pong = emptyReply
	case bytes.Contains(head, centrifugeAck):
		all.Published++
	case bytes.HasPrefix(line, centrifugePush):
		if !bytes.Contains(line, centrifugePushed) {
			all.Err = refused(line)
		}
	default:
		readSlowReply(line, all)
	}
}

func readSlowReply(line []byte, all *Answer) {
	var m struct {
		Error     json.RawMessage `json:"error"`
		Connect   json.RawMessage `json:"connect"`
		Subscribe *struct {
			Epoch         string `json:"epoch"`
			Offset        uint64 `json:"offset"`
			WasRecovering bool   `json:"was_recovering"`
			Recovered     bool   `json:"recovered"`
		} `json:"subscribe"`
	}
	switch err := json.Unmarshal(line, &m); {
	case err != nil:
		all.Err = fmt.Errorf("wire: read %.200q: %w", line, err)
	case m.Error != nil || (m.Subscribe != nil && m.Subscribe.WasRecovering && !m.Subscribe.Recovered):
		all.Err = refused(line)
	case m.Connect != nil:
		all.Welcomed = true
	case m.Subscribe != nil:
		all.Joined = true
		all.Position = Position{Epoch: m.Subscribe.Epoch, Seq: m.Subscribe.Offset}
	}
}
