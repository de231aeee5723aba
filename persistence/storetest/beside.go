package storetest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/troupe-rt/troupe/topic"
)

// sized is an event of about so many bytes, whose data begins with a text.
func sized(text string, size int) topic.Entry {
	return entry(text + ":" + strings.Repeat("x", size))
}

// said is what sized was given.
func said(r topic.Record) string {
	text, _, _ := strings.Cut(strings.Trim(string(r.Data), `"`), ":")
	return text
}

// muchAtOnce reads more than a store may want to send in one piece.
func muchAtOnce(s *scene) {
	const n = 60
	for i := range n {
		s.append("t", plenty, sized(strconv.Itoa(i), 100_000))
	}
	for after := range uint64(3) {
		for i, r := range s.read("t", after, plenty.Size, plenty).Records {
			if want := strconv.Itoa(i + int(after)); said(r) != want || len(r.Data) < 100_000 {
				s.Fatalf("number %d holds %s (%d bytes), want %s", r.Seq, said(r), len(r.Data), want)
			}
		}
	}
}

// beside runs change again and again while three others read everything, until each has seen
// a few pages with at least two records. Readers may be slower than the changes.
func (s *scene) beside(keep topic.Retention, change func(round int), look func(p topic.Page)) {
	change(0)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for seen := 0; seen < 4; {
				p, err := s.log.Read(s.Context(), "t", 0, keep.Size, keep)
				if err != nil {
					s.Errorf("Read: %v", err)
					return
				}
				if fault := pageFault(p, 0, keep.Size, keep); fault != "" {
					s.Errorf("Read = head %v, oldest %d, %d records: %s", p.Head, p.Oldest, len(p.Records), fault)
					return
				}
				if look(p); len(p.Records) > 1 {
					seen++
				}
			}
		})
	}
	go func() { readers.Wait(); close(done) }()
	for round := 1; ; round++ {
		select {
		case <-done:
			return
		default:
			change(round)
		}
	}
}

func readersBesideTrimming(s *scene) {
	keep := topic.Retention{Size: 6}
	batch := []topic.Entry{sized("a", 300_000), sized("b", 300_000)}
	s.beside(keep,
		func(int) { s.append("t", keep, batch...) },
		func(p topic.Page) {
			for _, r := range p.Records {
				if want := string('b' - rune(r.Seq%2)); said(r) != want {
					s.Errorf("number %d holds %s, want %s", r.Seq, said(r), want)
				}
			}
		})
}

// readersBesideClear: a page is of one life of the topic.
func readersBesideClear(s *scene) {
	keep := topic.Retention{Size: 10}
	s.beside(keep,
		func(round int) {
			s.clear("t")
			for i := range 5 {
				s.append("t", keep, sized(fmt.Sprint(round), 300_000*(i%2)), sized(fmt.Sprint(round), 300_000))
			}
		},
		func(p topic.Page) {
			for _, r := range p.Records {
				if said(r) != said(p.Records[0]) {
					s.Errorf("a page of epoch %s has records of the lives %s and %s", p.Head.Epoch, said(p.Records[0]), said(r))
				}
			}
		})
}
