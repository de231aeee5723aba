package storetest

import (
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// plenty keeps everything that a case appends and remembers no identifiers.
var plenty = topic.Retention{Size: 10_000}

// entry is an event whose data is a text, without an identifier.
func entry(data string) topic.Entry {
	return topic.Entry{Name: "event", Data: []byte(strconv.Quote(data))}
}

func withID(id, data string) topic.Entry {
	e := entry(data)
	e.ID = id
	return e
}

// entries makes n of them; their data says which.
func entries(n int) []topic.Entry {
	batch := make([]topic.Entry, n)
	for i := range batch {
		batch[i] = entry(strconv.Itoa(i))
	}
	return batch
}

func (s *scene) append(name string, keep topic.Retention, batch ...topic.Entry) topic.Appended {
	s.Helper()
	a, err := s.log.Append(s.Context(), name, batch, keep)
	if err != nil {
		s.Fatalf("Append(%q): %v", name, err)
	}
	s.checkAppended(name, batch, a)
	return a
}

func (s *scene) checkAppended(name string, batch []topic.Entry, a topic.Appended) {
	s.Helper()
	if len(a.Results) != len(batch) {
		s.Fatalf("Append(%q) of %d entries: %d results", name, len(batch), len(a.Results))
	}
	if a.Epoch == "" {
		s.Fatalf("Append(%q): the epoch is empty", name)
	}
}

// wantResults compares results by their numbers; a negative one is a duplicate.
func (s *scene) wantResults(a topic.Appended, want ...int64) {
	s.Helper()
	for i, w := range want {
		r := a.Results[i]
		if r.Seq != uint64(max(w, -w)) || r.Duplicate != (w < 0) {
			s.Errorf("result %d of %d: got seq %d, duplicate %t; want %d, %t",
				i, len(want), r.Seq, r.Duplicate, max(w, -w), w < 0)
		}
	}
}

// read reads and checks what holds for every Page.
func (s *scene) read(name string, after uint64, limit int, keep topic.Retention) topic.Page {
	s.Helper()
	p, err := s.log.Read(s.Context(), name, after, limit, keep)
	if err != nil {
		s.Fatalf("Read(%q, %d, %d): %v", name, after, limit, err)
	}
	if fault := pageFault(p, after, limit, keep); fault != "" {
		s.Fatalf("Read(%q, after %d, limit %d) = head %v, oldest %d, %d records: %s",
			name, after, limit, p.Head, p.Oldest, len(p.Records), fault)
	}
	return p
}

// pageFault says what is wrong with a Page by itself.
func pageFault(p topic.Page, after uint64, limit int, keep topic.Retention) string {
	switch {
	case p.Head.Epoch == "":
		return "the epoch is empty"
	case p.Oldest < 1 || p.Oldest > p.Head.Seq+1:
		return "oldest is not within 1 and head+1"
	case p.Head.Seq-p.Oldest+1 > uint64(keep.Size):
		return "more is kept than the size allows"
	}
	var want uint64
	first := p.Oldest
	if after < p.Head.Seq {
		first = max(after+1, p.Oldest)
		want = min(p.Head.Seq+1-first, uint64(limit))
	}
	if uint64(len(p.Records)) != want {
		return "there should be " + strconv.FormatUint(want, 10) + " records"
	}
	for i, r := range p.Records {
		if r.Seq != first+uint64(i) {
			return "record " + strconv.Itoa(i) + " has number " + strconv.FormatUint(r.Seq, 10)
		}
	}
	return ""
}

// want reads all that is kept of a topic and compares it.
func (s *scene) want(name string, keep topic.Retention, head uint64, data ...string) topic.Page {
	s.Helper()
	p := s.read(name, 0, keep.Size, keep)
	if p.Head.Seq != head {
		s.Errorf("topic %q: head %d, want %d", name, p.Head.Seq, head)
	}
	if len(p.Records) != len(data) {
		s.Fatalf("topic %q: %d records, want %d", name, len(p.Records), len(data))
	}
	for i, r := range p.Records {
		if got := string(r.Data); got != strconv.Quote(data[i]) {
			s.Errorf("topic %q, number %d: data %s, want %q", name, r.Seq, got, data[i])
		}
	}
	return p
}

func (s *scene) head(name string) topic.Position {
	s.Helper()
	return s.read(name, 0, 0, plenty).Head
}

// pass lets units of time pass.
func (s *scene) pass(units float64) { s.opts.Sleep(s.log, s.units(units)) }

func (s *scene) units(n float64) time.Duration { return time.Duration(n * float64(s.opts.Unit)) }
