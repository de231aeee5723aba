package gateway

import "github.com/troupe-rt/troupe/topic"

// A chunk is a run of events of one topic, ready for the wire, shared by all its
// receivers on a shard.
type chunk struct {
	events []*topic.Event
	plain  []byte       // a text frame per event, end to end
	batch  []byte       // all of them in one batch frame; nil until somebody wants it
	source *topic.Batch // whose renderings are shared by all shards; nil if there is none
	kept   bool         // a slow receiver still refers to events and plain
	pooled bool         // the memory is the shard's, to be used again
}

// chunkBytes is where a chunk ends even if more events wait: a receiver's write
// stays short, and so does a batch frame.
const chunkBytes = 64 << 10

// maxBatchBytes is where events leave one by one even if the client takes
// batches. Some clients drop frames beyond 1 MiB.
const maxBatchBytes = 256 << 10

type (
	plainKey struct{}
	batchKey struct{}
)

// memoized renders a batch once for all shards, and for everybody who catches up
// with the same events.
func memoized(b *topic.Batch) *chunk {
	plain := b.Memo(plainKey{}, func(events []*topic.Event) any {
		return appendPlain(make([]byte, 0, plainSize(events)), events)
	}).([]byte)
	return &chunk{events: b.Events, plain: plain, source: b}
}

func plainSize(events []*topic.Event) int {
	n := 0
	for _, e := range events {
		n += headerSize(len(e.JSON())) + len(e.JSON())
	}
	return n
}

func appendPlain(b []byte, events []*topic.Event) []byte {
	for _, e := range events {
		b = appendText(b, e.JSON())
	}
	return b
}

func appendBatch(b []byte, events []*topic.Event) []byte {
	n := len(`{"type":"batch","events":[]}`) + len(events) - 1
	for _, e := range events {
		n += len(e.JSON())
	}
	b = append(appendHeader(b, n), `{"type":"batch","events":[`...)
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.JSON()...)
	}
	return append(b, `]}`...)
}

// count is how many frames it has, for metrics. A nil chunk stands for direct frames.
func (c *chunk) count() int {
	if c == nil {
		return 1
	}
	return max(len(c.events), 1)
}

// bytes is what a receiver gets.
func (c *chunk) bytes(batch bool) []byte {
	switch {
	case !batch || len(c.events) < 2 || len(c.plain) > maxBatchBytes:
		return c.plain
	case len(c.batch) > 0:
	case c.source != nil:
		c.batch = c.source.Memo(batchKey{}, func(events []*topic.Event) any { return appendBatch(nil, events) }).([]byte)
	default:
		c.batch = appendBatch(c.batch, c.events)
	}
	return c.batch
}

// maxSpare is how many chunks a shard keeps for their memory.
const maxSpare = 4

// fresh returns an empty chunk, with the memory of an earlier one.
func (s *shard) fresh() *chunk {
	n := len(s.chunks)
	if n == 0 {
		return &chunk{pooled: true, plain: make([]byte, 0, chunkBytes)}
	}
	c := s.chunks[n-1]
	s.chunks = s.chunks[:n-1]
	return c
}

// recycle takes a chunk back that everybody has got, unless a slow receiver still
// refers to it.
func (s *shard) recycle(c *chunk) {
	if !c.pooled || c.kept || len(s.chunks) == maxSpare || cap(c.plain) > 4*chunkBytes {
		return
	}
	clear(c.events)
	c.events, c.plain, c.batch = c.events[:0], c.plain[:0], c.batch[:0]
	s.chunks = append(s.chunks, c)
}
