package bustest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

func everyFollower(s *scene) {
	room := fresh("room")
	b, c := newRecord(), newRecord()
	s.follow(1, room, b)
	s.follow(2, room, c)
	s.publish(0, room, "hello")
	s.publish(0, room, "end")
	s.want(b, room, "hello", "end")
	s.want(c, room, "hello", "end")
}

func ownFrames(s *scene) {
	room := fresh("room")
	a, b := newRecord(), newRecord()
	s.follow(0, room, a)
	s.follow(1, room, b)
	s.publish(0, room, "own")
	s.publish(1, room, "end")
	s.waitFrame(a, room, "end")
	s.want(b, room, "own", "end")
	if got := a.frames(room); !slices.Equal(got, []string{"own", "end"}) && !slices.Equal(got, []string{"end"}) {
		s.Errorf("the publisher got %q, want its own frame once or not at all", got)
	}
}

func publisherOrder(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	var frames []string
	for i := range 300 {
		frames = append(frames, fmt.Sprint(i))
		s.publish(0, room, frames[i])
	}
	s.want(b, room, frames...)
}

func manyAtOnce(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	var all sync.WaitGroup
	var frames []string
	for i := range 100 {
		frame := fmt.Sprintf("%03d", i)
		frames = append(frames, frame)
		all.Go(func() {
			ctx, cancel := s.within()
			defer cancel()
			if err := s.Nodes[0].Publish(ctx, room, []byte(frame)); err != nil {
				s.Errorf("Publish: %v", err)
			}
		})
	}
	all.Wait()
	s.publish(0, room, "end")
	s.waitFrame(b, room, "end")
	got := b.frames(room)
	slices.Sort(got)
	if !slices.Equal(got, append(frames, "end")) {
		s.Errorf("got %d frames %.200q, want 100 and the last", len(got), got)
	}
}

func byteForByte(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	frames := []string{
		string(every), "", "\r\n$-1\r\n", `{"nested":[{"a":null},1e400,"\u00e9"]}`, "ünï·码·🎭",
		strings.Repeat("x", 100<<10), strings.Repeat(string(every), 4<<10), "end",
	}
	for _, frame := range frames {
		s.publish(0, room, frame)
	}
	s.want(b, room, frames...)
}

// receiversOwn: a record spoils every frame it was given; nobody else may notice.
func receiversOwn(s *scene) {
	room := fresh("room")
	a, b, c := newRecord(), newRecord(), newRecord()
	s.follow(0, room, a)
	s.follow(1, room, b)
	s.follow(2, room, c)
	frame := []byte("precious")
	ctx, cancel := s.within()
	defer cancel()
	for range 2 {
		if err := s.Nodes[0].Publish(ctx, room, frame); err != nil {
			s.Fatalf("Publish: %v", err)
		}
	}
	s.publish(0, room, "end")
	s.want(b, room, "precious", "precious", "end")
	s.want(c, room, "precious", "precious", "end")
	if string(frame) != "precious" {
		s.Errorf("the publisher's own slice now holds %q", frame)
	}
}

func namesApart(s *scene) {
	base := fresh("n")
	names := []string{
		base, base + ":b", base + ":", base + "{b}", base + "%7Bb%7D", base + "%", base + "%25", base + "*", base + "?",
		base + "[a]", base + "}", base + "{", base + "{}", strings.ToUpper(base), base + "|b", base + "/b", base + ".b", base + "}:relay",
	}
	for i, followed := range names {
		b := newRecord()
		s.follow(1, followed, b)
		for j, other := range names {
			if i != j {
				s.publish(0, other, "of "+other)
			}
		}
		s.publish(0, followed, "end")
		s.want(b, followed, "end")
		s.Nodes[1].Unfollow(followed)
		for name := range b.saw {
			if name != followed {
				s.Errorf("follower of %q was given a frame of %q", followed, name)
			}
		}
	}
}

func publishAlone(s *scene) {
	room := fresh("room")
	s.publish(0, room, "into the void")
	b := newRecord()
	s.follow(1, room, b)
	s.publish(0, room, "end")
	s.want(b, room, "end")
}

func onlyFollowed(s *scene) {
	one, two := fresh("one"), fresh("two")
	b, c := newRecord(), newRecord()
	s.follow(1, one, b)
	s.follow(2, two, c)
	s.publish(0, one, "1")
	s.publish(0, two, "2")
	s.publish(0, one, "end")
	s.publish(0, two, "end")
	s.want(b, one, "1", "end")
	s.want(c, two, "2", "end")
	if n := s.Followers(one); n != 1 {
		s.Errorf("the backend knows %d followers of a topic that one node follows", n)
	}
	if got := b.frames(two); len(got) > 0 {
		s.Errorf("a node got %q of a topic that it does not follow", got)
	}
}

func publishEnded(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := s.Nodes[0].Publish(ctx, room, []byte("late")); err == nil {
		s.Errorf("Publish with a context that had ended: no error")
	}
	s.publish(0, room, "end")
	s.want(b, room, "end")
}
