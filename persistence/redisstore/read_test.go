package redisstore

import (
	"testing"

	"github.com/troupe-rt/troupe/topic"
)

// chunkOf is what the script answers of one event.
func chunkOf(id string) []any {
	return []any{id, "1700000000000", "1", string(topic.AppendEntry(nil, "e", []byte("1")))}
}

func partOf(epoch string, head, oldest uint64, ids ...string) part {
	p := part{Page: topic.Page{Head: topic.Position{Epoch: epoch, Seq: head}, Oldest: oldest}}
	for _, id := range ids {
		p.chunks = append(p.chunks, chunkOf(id)...)
	}
	return p
}

// A page of several parts shows the topic as the first one did, or is torn.
func TestPartsOfAPage(t *testing.T) {
	t.Parallel()
	first := partOf("a", 4, 1, "1-0", "2-0")
	tests := map[string]struct {
		second part
		torn   bool
		want   []uint64
		oldest uint64
	}{
		"nothing happened":       {partOf("a", 4, 1, "3-0", "4-0"), false, []uint64{1, 2, 3, 4}, 1},
		"more came":              {partOf("a", 6, 1, "3-0", "4-0", "5-0", "6-0"), false, []uint64{1, 2, 3, 4}, 1},
		"the read is trimmed":    {partOf("a", 6, 3, "3-0", "4-0", "5-0", "6-0"), false, []uint64{1, 2, 3, 4}, 1},
		"the unread is trimmed":  {partOf("a", 7, 4, "4-0", "5-0"), true, nil, 0},
		"everything is trimmed":  {partOf("a", 90, 85, "85-0"), true, nil, 0},
		"another epoch":          {partOf("b", 4, 1, "3-0", "4-0"), true, nil, 0},
		"numbers began again":    {partOf("a", 3, 1, "3-0"), true, nil, 0},
		"the next one is gone":   {partOf("a", 4, 1, "4-0"), false, []uint64{4}, 4},
		"the rest is gone":       {partOf("a", 4, 1), false, nil, 5},
		"the rest is not wanted": {partOf("a", 6, 1, "5-0", "6-0"), false, nil, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reading{store: &Store{metrics: newMetrics(nil)}, limit: 10}
			if r.add(first) {
				t.Fatal("complete after the first part")
			}
			if done := r.add(tt.second); !done || r.torn != tt.torn {
				t.Fatalf("done %t, torn %t; want true, %t", done, r.torn, tt.torn)
			}
			if !tt.torn {
				wantNumbers(t, r.page, 4, tt.oldest, tt.want...)
			}
		})
	}
}
