package pgstore

import (
	"cmp"
	"context"
	"crypto/sha512"
	"slices"
	"time"
	"unsafe"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// A packed group is what one statement gets: its topics in the order of names, each with the entries of
// all its calls, and each ID of a topic once.
type packed struct {
	topics []*packedTopic
	args   appendArgs
}

type packedTopic struct {
	name  string
	keep  topic.Retention
	calls []*pending
	// places says for each entry of the calls, one after the other, which of those sent it is, from 0.
	places []int
	first  int // of its entries among all that are sent
	sent   int
}

// appendArgs are the parameters of the function append.
type appendArgs struct {
	names               []string
	counts              []int32
	sizes, ttls, dedups []int64

	topics, offs []int32
	events, data []string
	idEntries    []int32
	ids          [][]byte
}

func pack(g []*pending) *packed {
	p := &packed{}
	byName := make(map[string]*packedTopic, len(g))
	n := 0
	for _, c := range g {
		t := byName[c.topic]
		if t == nil {
			t = &packedTopic{name: c.topic, keep: c.keep}
			byName[c.topic] = t
			p.topics = append(p.topics, t)
		}
		t.calls = append(t.calls, c)
		n += len(c.batch)
	}
	slices.SortFunc(p.topics, func(a, b *packedTopic) int { return cmp.Compare(a.name, b.name) })
	a := &p.args
	a.topics, a.offs = make([]int32, 0, n), make([]int32, 0, n)
	a.events, a.data = make([]string, 0, n), make([]string, 0, n)
	a.idEntries, a.ids = []int32{}, [][]byte{}
	for i, t := range p.topics {
		t.pack(a, int32(i+1))
	}
	return p
}

// pack leaves out entries whose ID came before: whatever becomes of the first one, they are its duplicates.
func (t *packedTopic) pack(a *appendArgs, place int32) {
	t.first = len(a.topics)
	var seen map[string]int
	for _, c := range t.calls {
		for i := range c.batch {
			e := &c.batch[i]
			if e.ID != "" && t.keep.Dedup > 0 {
				if first, ok := seen[e.ID]; ok {
					t.places = append(t.places, first)
					continue
				}
				if seen == nil {
					seen = make(map[string]int)
				}
				seen[e.ID] = t.sent
				a.idEntries = append(a.idEntries, int32(t.first+t.sent+1))
				a.ids = append(a.ids, idBytes(e.ID))
			}
			t.places = append(t.places, t.sent)
			t.sent++
			a.topics = append(a.topics, place)
			a.offs = append(a.offs, int32(t.sent))
			a.events = append(a.events, e.Name)
			a.data = append(a.data, unsafe.String(unsafe.SliceData(e.Data), len(e.Data))) // immutable
		}
	}
	a.names = append(a.names, t.name)
	a.counts = append(a.counts, int32(t.sent))
	a.sizes = append(a.sizes, int64(max(t.keep.Size, 1)))
	a.ttls = append(a.ttls, millis(t.keep.TTL))
	a.dedups = append(a.dedups, millis(t.keep.Dedup))
}

// maxID is the length from which on an ID is kept as its beginning and hash, since an index takes no more than 2,700
// bytes. No other ID has the length of those.
const maxID = 255

func idBytes(id string) []byte {
	if len(id) <= maxID {
		return []byte(id)
	}
	sum := sha512.Sum512([]byte(id))
	return append([]byte(id[:maxID+1-len(sum)]), sum[:]...)
}

// millis rounds up, so that what is asked for is kept.
func millis(d time.Duration) int64 {
	return max(0, int64((d+time.Millisecond-1)/time.Millisecond))
}

// An appendAnswer is what the function append returns.
type appendAnswer struct {
	epochs   []string
	heads    []int64    // before
	at       *time.Time // nil: a topic is not there
	dupEntry []int32
	dupSeq   []int64
}

func (s *Store) appendPacked(p *packed) error {
	var r appendAnswer
	a := &p.args
	err := s.db.Run(s.ctx, func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, s.sql.append, a.names, a.counts, a.sizes, a.ttls, a.dedups,
			a.topics, a.offs, a.events, a.data, a.idEntries, a.ids).
			Scan(&r.epochs, &r.heads, &r.at, &r.dupEntry, &r.dupSeq)
	})
	switch {
	case err != nil:
		return err
	case r.at == nil:
		return errAbsent
	}
	if len(r.epochs) != len(p.topics) || len(r.heads) != len(p.topics) || len(r.dupEntry) != len(r.dupSeq) {
		return errAnswer
	}
	known := make(map[int]uint64, len(r.dupEntry))
	for i, e := range r.dupEntry {
		known[int(e)-1] = uint64(r.dupSeq[i])
	}
	for i, t := range p.topics {
		s.answer(t, r.epochs[i], uint64(r.heads[i]), *r.at, known)
	}
	return nil
}

// answer tells the calls of a topic what became of them.
func (s *Store) answer(t *packedTopic, epoch string, next uint64, at time.Time, known map[int]uint64) {
	results := make([]topic.Result, t.sent) // of what was sent
	for i := range results {
		if seq, ok := known[t.first+i]; ok {
			results[i] = topic.Result{Seq: seq, Duplicate: true}
			continue
		}
		next++
		results[i].Seq = next
	}
	told := make([]bool, t.sent)
	entry := 0
	for _, c := range t.calls {
		got := topic.Appended{Epoch: epoch, At: at, Results: make([]topic.Result, len(c.batch))}
		for i := range got.Results {
			place := t.places[entry]
			entry++
			got.Results[i] = results[place]
			got.Results[i].Duplicate = got.Results[i].Duplicate || told[place]
			told[place] = true
		}
		c.finish(got, nil)
	}
	s.trimmer.appended(t.name, next, uint64(max(t.keep.Size, 1)))
}

// blames reports whether the server said no to a statement, and might not to a part of it.
func blames(err error) bool {
	return pgdb.Code(err) != "" && pgdb.Answered(err)
}
