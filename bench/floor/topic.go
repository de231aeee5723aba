//go:build linux

package floor

import (
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/bench/wire"
	"github.com/troupe-rt/troupe/bench/ws"
)

// A topic of which history is kept holds all its frames end to end: the floor
// lives for one round.
type topic struct {
	name      string
	kept      bool
	receivers []*conn
	chunk     []byte // frames to be delivered at the end of the turn
	history   []byte
	ends      []int // of each frame in history
}

func newTopic(name string) *topic {
	return &topic{name: name, kept: strings.HasPrefix(name, wire.KeptPrefix)}
}

func (t *topic) remove(c *conn) {
	if i := slices.Index(t.receivers, c); i >= 0 {
		t.receivers = slices.Delete(t.receivers, i, i+1)
	}
}

// since is the bytes of all frames after number n.
func (t *topic) since(n int) []byte {
	switch {
	case n < 0 || n >= len(t.ends):
		return nil
	case n == 0:
		return t.history
	default:
		return t.history[t.ends[n-1]:]
	}
}

func (s *server) subscribe(c *conn, t *topic, since int) {
	s.flush(t) // what came before is not for this receiver a second time
	t.receivers = append(t.receivers, c)
	c.topics = append(c.topics, t)
	s.write(c, joined(len(t.ends)))
	if missed := t.since(since); len(missed) > 0 {
		s.write(c, missed)
	}
}

func (s *server) publish(t *topic, event []byte) {
	if len(t.chunk) == 0 {
		s.dirty = append(s.dirty, t)
	}
	from := len(t.chunk)
	t.chunk = ws.AppendServer(t.chunk, ws.Text, event)
	if t.kept {
		t.history = append(t.history, t.chunk[from:]...)
		t.ends = append(t.ends, len(t.history))
	}
}

func (s *server) deliver() {
	for _, t := range s.dirty {
		s.flush(t)
	}
	s.dirty = s.dirty[:0]
}

// flush is the bare loop of writes.
func (s *server) flush(t *topic) {
	if len(t.chunk) == 0 {
		return
	}
	for _, c := range t.receivers {
		s.write(c, t.chunk)
	}
	t.chunk = t.chunk[:0]
}
