package bustest

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

func arrivesAgain(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	s.publish(0, room, "before")
	s.waitFrame(b, room, "before")
	s.Break(1)
	s.Mend(1)
	s.waitRestored(b, room, 1)
	s.insist(0, room, "after")
	s.waitFrame(b, room, "after")
}

func everyTopicRestored(s *scene) {
	b := newRecord()
	rooms := make([]string, 40)
	for i := range rooms {
		rooms[i] = fresh(fmt.Sprint("room", i))
		s.follow(1, rooms[i], b)
	}
	s.Break(1)
	broken := time.Now()
	s.Mend(1)
	for _, room := range rooms {
		s.waitRestored(b, room, 1)
		if r := b.restorations(room)[0]; r.since.After(broken) {
			s.Errorf("topic %q: restored since %v after the interruption began", room, r.since.Sub(broken))
		}
		s.insist(0, room, "end")
		s.waitFrame(b, room, "end")
	}
}

// restoredOnce interrupts three times.
func restoredOnce(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	for i := range 3 {
		s.Break(1)
		_ = s.Nodes[0].Publish(s.Context(), room, []byte("while broken"))
		s.Mend(1)
		s.waitRestored(b, room, i+1)
		after := fmt.Sprint("after ", i)
		s.insist(0, room, after)
		s.waitFrame(b, room, after)
		saw, _ := b.of(room)
		saw = slices.DeleteFunc(saw, func(h happening) bool { return h.frame == "while broken" })
		if len(saw) != 2*(i+1) || !saw[2*i].restored {
			s.Fatalf("after interruption %d saw %s; want a restoration and then the frame", i+1, short(saw))
		}
		if saw[2*i].since.After(saw[2*i].at) {
			s.Errorf("restored since a time to come")
		}
	}
}

func notAfterUnfollow(s *scene) {
	left, kept := fresh("left"), fresh("kept")
	b := newRecord()
	s.follow(1, left, b)
	s.follow(1, kept, b)
	s.Break(1)
	s.Nodes[1].Unfollow(left)
	s.Mend(1)
	s.waitRestored(b, kept, 1)
	s.eventually("nobody follows what was left", func() bool { return s.Followers(left) == 0 })
	s.insist(0, left, "x")
	s.insist(0, kept, "end")
	s.waitFrame(b, kept, "end")
	if saw, _ := b.of(left); len(saw) > 0 {
		s.Errorf("of a topic that was left came %s", short(saw))
	}
}

func notWithout(s *scene) {
	room := fresh("room")
	b := newRecord()
	for i := range 10 {
		s.follow(1, room, b)
		s.publish(0, room, fmt.Sprint(i))
		s.waitFrame(b, room, fmt.Sprint(i))
		if i%2 == 0 {
			s.Nodes[1].Unfollow(room)
		}
	}
	if n := len(b.restorations(room)); n > 0 {
		s.Errorf("restored %d times without an interruption", n)
	}
}

// A letter is a frame that a case sent.
type letter struct {
	frame          string
	began, settled time.Time
}

// lossAnnounced publishes from two nodes throughout interruptions of the third. What
// is missing lies in a time that was announced.
func lossAnnounced(s *scene) {
	room := fresh("room")
	c := newRecord()
	s.follow(2, room, c)
	stop := make(chan struct{})
	var sending sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); sending.Wait() })
	defer end()
	var sent [2][]letter
	for node := range sent {
		sending.Go(func() { sent[node] = s.keepSending(node, room, stop) })
	}
	for i := range 3 {
		s.eventually("frames flow", func() bool { return len(c.frames(room)) > 20*(i+1) })
		s.Break(2)
		s.Mend(2)
		s.waitRestored(c, room, i+1)
	}
	end()
	s.insist(0, room, "end")
	s.waitFrame(c, room, "end")
	for node := range sent {
		s.checkLetters(c, room, sent[node])
	}
}

func (s *scene) keepSending(node int, room string, stop chan struct{}) (sent []letter) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return sent
		case <-tick.C:
		}
		l := letter{frame: fmt.Sprintf("%d/%d", node, i), began: time.Now()}
		if s.Nodes[node].Publish(s.Context(), room, []byte(l.frame)) == nil {
			l.settled = time.Now()
			sent = append(sent, l)
		}
	}
}

// checkLetters wants every letter once, in order, or inside an interruption.
func (s *scene) checkLetters(r *record, room string, sent []letter) {
	s.Helper()
	got := r.frames(room)
	at := make(map[string]int, len(got))
	for i, frame := range got {
		if _, twice := at[frame]; twice && frame != "end" {
			s.Errorf("frame %s came twice", frame)
		}
		at[frame] = i
	}
	announced := r.restorations(room)
	last := -1
	for _, l := range sent {
		i, came := at[l.frame]
		if came && i < last {
			s.Errorf("frame %s came out of order", l.frame)
		}
		last = max(last, i)
		if !came && !slices.ContainsFunc(announced, func(h happening) bool {
			return !l.settled.Before(h.since) && !l.began.After(h.at)
		}) {
			s.Errorf("frame %s is missing, and nobody said so", l.frame)
		}
	}
}
