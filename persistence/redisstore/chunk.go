package redisstore

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
)

// A chunk is what one Append kept: one entry of the stream, named after its last
// number.
type chunk struct {
	first, last uint64
	at          time.Time
	count       int
	entries     string // as topic.AppendEntry writes them
}

// readChunk reads the parts of a stream entry. Anyone with access to Redis can write
// there. Where ok is false, last is set if it could be read.
func readChunk(id, at, count, entries string) (c chunk, ok bool) {
	text, minor, _ := strings.Cut(id, "-")
	last, err := strconv.ParseUint(text, 10, 64)
	if err != nil || last == 0 || last > maxSeq {
		return chunk{}, false
	}
	c.last = last
	if minor != "0" {
		return c, false
	}
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || ms < 0 || ms > maxSeq {
		return c, false
	}
	c.at = time.UnixMilli(ms)
	c.count, err = strconv.Atoi(count)
	if err != nil || c.count < 1 || c.count > maxBatch || uint64(c.count) > last {
		return c, false
	}
	c.first = last - uint64(c.count) + 1
	c.entries = entries
	return c, true
}

// records reads at most limit of the chunk's events, from a number on. ok is false if
// they are not what Append writes.
func (c *chunk) records(from uint64, limit int) (recs []topic.Record, ok bool) {
	recs, err := topic.ReadEntries([]byte(c.entries), c.count)
	if err != nil {
		return nil, false
	}
	skip := 0
	if from > c.first {
		skip = int(min(from-c.first, uint64(len(recs))))
	}
	recs = recs[skip:]
	recs = recs[:min(len(recs), limit)]
	for i := range recs {
		r := &recs[i]
		if topic.CheckEvent(r.Name) != nil || !utf8.Valid(r.Data) || !json.Valid(r.Data) {
			return nil, false
		}
		r.Seq, r.At = c.first+uint64(skip+i), c.at
	}
	return recs, true
}
