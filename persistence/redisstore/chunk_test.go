package redisstore

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
)

// FuzzChunk: whatever lies in Redis, what is read of it is what Append could have written.
func FuzzChunk(f *testing.F) {
	good := string(topic.AppendEntry(topic.AppendEntry(nil, "e", []byte("1")), "f", []byte(`{"a":[2]}`)))
	f.Add("2-0", "1700000000000", "2", good, uint64(0), 10)
	f.Add("2-0", "1700000000000", "2", good, uint64(2), 1)
	f.Add("9007199254740991-0", "0", "1", good, uint64(1)<<53, 0)
	f.Add("1-0", "x", "2", good, uint64(0), 1)
	f.Add("18446744073709551615-18446744073709551615", "-1", "8193", "\xff\xff\xff\xff\x0f", uint64(0), 1)
	f.Fuzz(func(t *testing.T, id, at, count, entries string, from uint64, limit int) {
		c, ok := readChunk(id, at, count, entries)
		if c.last > maxSeq {
			t.Fatalf("number %d", c.last)
		}
		if !ok {
			return
		}
		if c.first < 1 || c.first > c.last || c.last-c.first+1 != uint64(c.count) || c.count > maxBatch {
			t.Fatalf("%d to %d, %d events", c.first, c.last, c.count)
		}
		limit = max(limit, 0)
		recs, ok := c.records(from, limit)
		if !ok {
			return
		}
		if len(recs) > limit || len(recs) > c.count {
			t.Fatalf("%d records, limit %d, %d events", len(recs), limit, c.count)
		}
		for i, r := range recs {
			if r.Seq < from || r.Seq < c.first || r.Seq > c.last || i > 0 && r.Seq != recs[i-1].Seq+1 {
				t.Fatalf("record %d from %d has number %d", i, from, r.Seq)
			}
			if !json.Valid(r.Data) || !utf8.Valid(r.Data) || topic.CheckEvent(r.Name) != nil || !r.At.Equal(c.at) {
				t.Fatalf("record %+v", r)
			}
		}
	})
}
