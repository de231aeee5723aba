package memstore

import (
	"time"

	"github.com/troupe-rt/troupe/topic"
)

const (
	// historyCost is what a topic takes besides its name: itself, a place in its
	// shard's map, and the allocator's loss.
	historyCost = 224
	// recordCost is what a record takes besides its name and data: its slot,
	// and the rest of the encoded event that the data is often a part of.
	recordCost = 96
)

// A history is one topic's life. It knows neither clock nor lock: the shard
// holds its own while it calls.
type history struct {
	name  string
	epoch string
	head  uint64 // newest number, also where its record is gone

	records ring[record] // the last of them has number head
	seen    *seen        // nil until there is an identifier
	payload int64        // bytes of names and data in records

	// By the last call, for when memory is needed and nobody calls.
	ttl, dedup time.Duration

	// The shard's.
	newer, older *history
	used         uint64
}

type record struct {
	at   time.Duration
	name string
	data []byte
}

func (r *record) cost() int64 { return int64(len(r.name) + cap(r.data)) }

// add numbers and keeps an entry, unless its identifier is known.
func (h *history) add(e topic.Entry, now time.Duration, keep topic.Retention) topic.Result {
	remember := e.ID != "" && keep.Dedup > 0
	if remember && h.seen != nil {
		if seq, ok := h.seen.find(e.ID); ok {
			return topic.Result{Seq: seq, Duplicate: true}
		}
	}
	size := max(keep.Size, 1)
	for h.records.len() >= size {
		h.drop()
	}
	h.head++
	r := record{at: now, name: e.Name, data: e.Data}
	h.payload += r.cost()
	h.records.push(r, size)
	if remember {
		if h.seen == nil {
			h.seen = &seen{}
		}
		h.seen.add(sighting{id: e.ID, at: now, seq: h.head})
	}
	return topic.Result{Seq: h.head}
}

// retain drops the records that keep does not allow, and identifiers by the last
// append's Dedup. A Size of 0 leaves the number of records alone.
func (h *history) retain(now time.Duration, keep topic.Retention) {
	h.ttl = keep.TTL
	for keep.Size > 0 && h.records.len() > keep.Size {
		h.drop()
	}
	h.expire(now)
}

// expire drops what is too old.
func (h *history) expire(now time.Duration) {
	for h.ttl > 0 && h.records.len() > 0 && now-h.records.at(0).at > h.ttl {
		h.drop()
	}
	if h.seen == nil {
		return
	}
	if h.seen.expire(now - h.dedup); h.seen.queue.len() == 0 {
		h.seen = nil
	}
}

// limit drops the oldest until the history fits into most bytes, but for its newest
// record.
func (h *history) limit(most int64) {
	for h.cost() > most {
		switch {
		case h.records.len() > 1:
			h.drop()
		case h.seen != nil && h.seen.queue.len() > 1:
			h.seen.pop()
		default:
			return
		}
	}
}

func (h *history) drop() {
	r, _ := h.records.pop()
	h.payload -= r.cost()
}

// page returns at most limit records after a number.
func (h *history) page(after uint64, limit int, began time.Time) topic.Page {
	count := h.records.len()
	p := topic.Page{
		Head:   topic.Position{Epoch: h.epoch, Seq: h.head},
		Oldest: h.head - uint64(count) + 1,
	}
	if after >= h.head || limit <= 0 || count == 0 {
		return p
	}
	from := max(after+1, p.Oldest)
	skip := int(from - p.Oldest)
	p.Records = make([]topic.Record, min(limit, count-skip))
	for i := range p.Records {
		r := h.records.at(skip + i)
		p.Records[i] = topic.Record{Seq: from + uint64(i), At: began.Add(r.at), Name: r.name, Data: r.data}
	}
	return p
}

// cost estimates the memory that the history holds, in bytes.
func (h *history) cost() int64 {
	c := historyCost + int64(len(h.name)) + int64(h.records.len())*recordCost + h.payload
	if h.seen != nil {
		c += h.seen.cost()
	}
	return c
}
