package redisstore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

const (
	// maxSeq is the greatest number that scripts keep exactly.
	maxSeq = 1<<53 - 1

	// A read of much is cut into calls of about so many bytes and events, so that none
	// keeps Redis long from others.
	readBytes  = 1 << 20
	readEvents = 4096

	// A read in parts begins anew where the topic has dropped what comes next. The last
	// of so many tries is in one part, or a reader might never catch up.
	readTries = 4
)

// Read implements topic.Log. The page shows the topic as its first part found it. A
// chunk of events that can not be understood is skipped: it and what is older counts as
// gone, as Page.Oldest tells.
func (s *Store) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	for try := range readTries {
		events, bytes := readEvents, readBytes
		if try == readTries-1 {
			events, bytes = math.MaxInt, math.MaxInt32
		}
		r := reading{store: s, limit: max(limit, 0), next: min(after, maxSeq)}
		for done := false; !done; {
			p, _, err := s.page(ctx, callRead, name, query{r.next, min(r.limit-len(r.page.Records), events), bytes}, keep)
			if err != nil {
				return topic.Page{}, err
			}
			done = r.add(p)
		}
		if !r.torn {
			return r.page, nil
		}
	}
	return topic.Page{}, fmt.Errorf("redisstore: read: %w", errRestless)
}

// A part is what one call of the script returned.
type part struct {
	topic.Page
	chunks []any // four replies each
}

// A query asks for events after a number, at most limit of them, and no more once there
// are so many bytes.
type query struct {
	after uint64
	limit int
	bytes int
}

func (s *Store) page(ctx context.Context, c call, name string, q query, keep topic.Retention) (part, time.Time, error) {
	answer, err := s.run(ctx, c, readScript, name,
		newEpoch(), q.after, min(q.limit, maxSeq), max(keep.Size, 1), millis(keep.TTL), q.bytes)
	if err != nil {
		return part{}, time.Time{}, err
	}
	list, _ := answer.([]any)
	r := replies{rest: list}
	p := part{Page: topic.Page{Head: topic.Position{Epoch: r.text(), Seq: r.uint()}, Oldest: r.uint()}}
	now := r.uint()
	if p.chunks = r.rest; r.bad || p.Head.Epoch == "" || p.Oldest > p.Head.Seq+1 || len(p.chunks)%4 != 0 {
		return part{}, time.Time{}, fmt.Errorf("redisstore: %s: %w", c, errAnswer)
	}
	return p, time.UnixMilli(int64(min(now, math.MaxInt64))), nil
}

// A reading puts a Page together from several parts, between which the topic goes on.
type reading struct {
	store *Store
	limit int
	page  topic.Page
	next  uint64 // everything up to it is read, or gone
	begun bool
	torn  bool // what comes next is gone meanwhile, or is of another life of the topic
}

// add takes the next part and reports whether the page is complete, or torn.
func (r *reading) add(p part) bool {
	if !r.begun {
		r.begun = true
		r.page.Head = p.Head
		r.gone(p.Oldest)
	}
	r.torn = p.Head.Epoch != r.page.Head.Epoch || p.Head.Seq < r.page.Head.Seq || p.Oldest > r.next+1
	if r.torn {
		return true
	}
	before := r.next
	for i := 0; i < len(p.chunks) && r.wants(); i += 4 {
		r.take(p.chunks[i : i+4])
	}
	if r.wants() && r.next == before { // the rest should be there and is not
		r.gone(r.page.Head.Seq + 1)
	}
	return !r.wants()
}

func (r *reading) wants() bool {
	return len(r.page.Records) < r.limit && r.next < r.page.Head.Seq
}

func (r *reading) take(fields []any) {
	f := replies{rest: fields}
	c, ok := readChunk(f.text(), f.text(), f.text(), f.text())
	if f.bad || c.last <= r.next || c.last > r.page.Head.Seq {
		return // nothing that is wanted
	}
	var recs []topic.Record
	if ok {
		recs, ok = c.records(r.next+1, r.limit-len(r.page.Records))
	}
	if !ok {
		r.store.metrics.corrupt.Inc()
		r.gone(c.last + 1)
		return
	}
	if c.first > r.next+1 {
		r.gone(c.first)
	}
	r.page.Records = append(r.page.Records, recs...)
	r.next = c.last
}

// gone notes that everything before a number is.
func (r *reading) gone(oldest uint64) {
	r.page.Oldest = max(r.page.Oldest, oldest)
	drop := 0
	for drop < len(r.page.Records) && r.page.Records[drop].Seq < oldest {
		drop++
	}
	r.page.Records = slices.Delete(r.page.Records, 0, drop)
	r.next = max(r.next, oldest-1)
}
