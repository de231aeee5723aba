package bustest

import (
	"fmt"
	"slices"
	"sync"
)

// fiftyGather allows a few commands, as those that come first need not wait for the
// others.
func fiftyGather(s *scene) {
	b := newRecord()
	s.follow(1, fresh("first"), b)
	before := s.Requests()
	rooms := make([]string, 50)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range rooms {
		rooms[i] = fresh(fmt.Sprint("room", i))
		all.Go(func() {
			ctx, cancel := s.within()
			defer cancel()
			<-begin
			if err := s.Nodes[1].Follow(ctx, rooms[i], b); err != nil {
				s.Errorf("Follow: %v", err)
			}
		})
	}
	close(begin)
	all.Wait()
	if n := s.Requests() - before; n > 10 {
		s.Errorf("50 topics followed at once took %d commands", n)
	}
	for _, room := range rooms {
		s.publish(0, room, "end")
	}
	for _, room := range rooms {
		s.want(b, room, "end")
	}
}

// refusalLeavesOthers: what was followed before goes on, or is restored, and what is
// followed afterwards works.
func refusalLeavesOthers(s *scene) {
	old, room := fresh("old"), fresh("room")
	a, b := newRecord(), newRecord()
	s.follow(1, old, a)
	s.Refuse(true)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			ctx, cancel := s.within()
			defer cancel()
			if err := s.Nodes[1].Follow(ctx, room, b); err == nil {
				s.Errorf("Follow that the backend refused: no error")
			}
		})
	}
	all.Wait()
	s.Refuse(false)
	s.eventually("the other topic is followed", func() bool { return s.Followers(old) == 1 })
	s.publish(0, old, "end")
	s.waitFrame(a, old, "end")
	s.follow(1, room, b)
	s.publish(0, room, "end")
	s.want(b, room, "end")
}

// churn leaves and follows a topic while there is traffic. Whatever comes last wins.
func churn(s *scene) {
	room := fresh("room")
	b := newRecord()
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); traffic.Wait() })
	defer end()
	traffic.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.publish(0, room, fmt.Sprint(i))
			}
		}
	})
	last := newRecord()
	for range 100 {
		s.follow(1, room, b)
		s.Nodes[1].Unfollow(room)
	}
	s.follow(1, room, last)
	end()
	s.publish(0, room, "end")
	s.waitFrame(last, room, "end")
	if got := last.frames(room); slices.Index(got, "end") != len(got)-1 {
		s.Errorf("%q came after the last frame", got[slices.Index(got, "end"):])
	}
	s.Nodes[1].Unfollow(room)
	s.eventually("nobody follows", func() bool { return s.Followers(room) == 0 })
}

// churnOfMany has many callers follow and leave the same few topics.
func churnOfMany(s *scene) {
	rooms := []string{fresh("a"), fresh("b"), fresh("c")}
	b := newRecord()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			room := rooms[i%len(rooms)]
			for range 25 {
				ctx, cancel := s.within()
				// Another caller's Unfollow may end it with an error.
				_ = s.Nodes[1].Follow(ctx, room, b)
				if ctx.Err() != nil {
					s.Errorf("Follow did not return")
				}
				cancel()
				s.publish(0, room, "x")
				s.Nodes[1].Unfollow(room)
			}
		})
	}
	all.Wait()
	for _, room := range rooms {
		s.eventually("nobody follows", func() bool { return s.Followers(room) == 0 })
		last := newRecord()
		s.follow(1, room, last)
		s.publish(0, room, "end")
		s.waitFrame(last, room, "end")
		if got := last.frames(room); !slices.Equal(got, []string{"end"}) {
			s.Errorf("got %q, want the one frame", got)
		}
	}
}
