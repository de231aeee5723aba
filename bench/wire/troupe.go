package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Troupe is the protocol of Troupe's own gateway.
type Troupe struct{}

// Path implements Protocol.
func (Troupe) Path() string { return "/ws" }

// Hello implements Protocol. The server's welcome comes first, and a client
// without capabilities has nothing to say to it.
func (Troupe) Hello() []byte { return nil }

// Subscribe implements Protocol.
func (Troupe) Subscribe(s Subscription) []byte {
	b := fmt.Appendf(nil, `{"type":"subscribe","topic":%q,"ref":%d`, s.Topic, s.Ref)
	if s.Since != nil {
		b = fmt.Appendf(b, `,"since":%d,"epoch":%q`, s.Since.Seq, s.Since.Epoch)
	}
	return append(b, '}')
}

// Publish implements Protocol.
func (Troupe) Publish(dst []byte, topic string, ref int, data []byte) []byte {
	dst = append(append(dst, `{"type":"publish","topic":"`...), topic...)
	dst = strconv.AppendInt(append(dst, `","event":"m","ref":`...), int64(ref), 10)
	dst = append(append(dst, `,"data":`...), data...)
	return append(dst, '}')
}

var (
	troupePublished = []byte(`{"type":"published"`)
	troupeEvent     = []byte(`{"topic":`)
	troupeTruncated = []byte(`"event":"truncated"`)
	troupeStale     = []byte(`"event":"stale"`)
)

// Read implements Protocol.
func (Troupe) Read(message []byte) Answer {
	if bytes.HasPrefix(message, troupePublished) {
		return Answer{Published: 1}
	}
	if bytes.HasPrefix(message, troupeEvent) {
		if bytes.Contains(message, troupeTruncated) || bytes.Contains(message, troupeStale) {
			return Answer{Err: refused(message)}
		}
		return Answer{}
	}
	var m struct {
		Type  string `json:"type"`
		Seq   uint64 `json:"seq"`
		Epoch string `json:"epoch"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return Answer{Err: fmt.Errorf("wire: read %.200q: %w", message, err)}
	}
	switch m.Type {
	case "welcome":
		return Answer{Welcomed: true}
	case "subscribed":
		return Answer{Joined: true, Position: Position{Epoch: m.Epoch, Seq: m.Seq}}
	case "subscribe-denied", "publish-denied", "error":
		return Answer{Err: refused(message)}
	}
	return Answer{}
}
