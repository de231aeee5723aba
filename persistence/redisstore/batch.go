package redisstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A packed batch is what the script gets of one: an ID appears once, and all
// entries lie end to end.
type packed struct {
	entries []byte
	lengths []byte // of each, with a space after it; empty without IDs
	ids     []any  // one per entry, or none at all
	fresh   int    // how many entries go to the script
	places  []int  // where each entry of the batch is among them; nil: in its place
}

func pack(batch []topic.Entry, remember bool) packed {
	p := packed{fresh: len(batch)}
	size := 0
	for i := range batch {
		size += len(batch[i].Name) + len(batch[i].Data) + 8
	}
	p.entries = make([]byte, 0, size)
	if !remember || !anyID(batch) {
		for i := range batch {
			p.entries = topic.AppendEntry(p.entries, batch[i].Name, batch[i].Data)
		}
		return p
	}
	p.packIDs(batch)
	return p
}

func anyID(batch []topic.Entry) bool {
	for i := range batch {
		if batch[i].ID != "" {
			return true
		}
	}
	return false
}

// packIDs leaves out entries whose ID came before in the batch: whatever becomes of
// the first one, they are its duplicates.
func (p *packed) packIDs(batch []topic.Entry) {
	p.fresh = 0
	p.ids = make([]any, 0, len(batch))
	p.places = make([]int, len(batch))
	first := make(map[string]int, len(batch))
	for i := range batch {
		id := batch[i].ID
		if place, ok := first[id]; ok && id != "" {
			p.places[i] = place
			continue
		}
		first[id] = p.fresh
		p.places[i] = p.fresh
		before := len(p.entries)
		p.entries = topic.AppendEntry(p.entries, batch[i].Name, batch[i].Data)
		p.lengths = append(strconv.AppendInt(p.lengths, int64(len(p.entries)-before), 10), ' ')
		p.ids = append(p.ids, id)
		p.fresh++
	}
}

// results reads the script's answer: epoch, newest number, time, then place and
// number of each duplicate.
func (p *packed) results(answer []any) (topic.Appended, error) {
	r := replies{rest: answer}
	epoch, last, at := r.text(), r.uint(), r.uint()
	known := make(map[uint64]uint64, len(answer)/2)
	for len(r.rest) > 0 && !r.bad {
		place := r.uint()
		known[place-1] = r.uint()
	}
	fresh := uint64(p.fresh - len(known))
	if r.bad || epoch == "" || p.fresh < len(known) || last < fresh {
		return topic.Appended{}, fmt.Errorf("redisstore: append: %w", errAnswer)
	}
	sent := make([]topic.Result, p.fresh)
	next := last - fresh
	for i := range sent {
		if seq, ok := known[uint64(i)]; ok {
			sent[i] = topic.Result{Seq: seq, Duplicate: true}
			continue
		}
		next++
		sent[i] = topic.Result{Seq: next}
	}
	return topic.Appended{Epoch: epoch, At: time.UnixMilli(int64(at)), Results: p.spread(sent)}, nil
}

// spread gives entries that were left out the result of the first with their ID.
func (p *packed) spread(sent []topic.Result) []topic.Result {
	if p.places == nil || len(p.places) == len(sent) {
		return sent
	}
	all := make([]topic.Result, len(p.places))
	told := make([]bool, len(sent))
	for i, place := range p.places {
		all[i] = sent[place]
		all[i].Duplicate = all[i].Duplicate || told[place]
		told[place] = true
	}
	return all
}

// replies takes what a script answered off the front: texts, and numbers as integers or
// texts. After the first fault everything is zero.
type replies struct {
	rest []any
	bad  bool
}

func (r *replies) next() any {
	if len(r.rest) == 0 {
		r.bad = true
		return nil
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

func (r *replies) text() string {
	s, ok := r.next().(string)
	r.bad = r.bad || !ok
	return s
}

func (r *replies) uint() uint64 {
	switch v := r.next().(type) {
	case int64:
		r.bad = r.bad || v < 0
		return uint64(max(v, 0))
	case string:
		n, err := strconv.ParseUint(v, 10, 64)
		r.bad = r.bad || err != nil
		return n
	}
	r.bad = true
	return 0
}
