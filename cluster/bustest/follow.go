package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

func replacesSink(s *scene) {
	room := fresh("room")
	first, second := newRecord(), newRecord()
	s.follow(1, room, first)
	s.publish(0, room, "1")
	s.waitFrame(first, room, "1")
	s.follow(1, room, second)
	s.publish(0, room, "2")
	s.want(second, room, "2")
	s.want(first, room, "1")
}

func threeAtOnce(s *scene) {
	room := fresh("room")
	b := newRecord()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			ctx, cancel := s.within()
			defer cancel()
			if err := s.Nodes[1].Follow(ctx, room, b); err != nil {
				s.Errorf("Follow: %v", err)
			}
		})
	}
	all.Wait()
	s.publish(0, room, "once")
	s.publish(0, room, "end")
	s.want(b, room, "once", "end")
}

func unfollowEnds(s *scene) {
	room := fresh("room")
	b, c := newRecord(), newRecord()
	s.follow(1, room, b)
	s.follow(2, room, c)
	s.Nodes[1].Unfollow(room)
	s.eventually("one follower is left", func() bool { return s.Followers(room) == 1 })
	s.publish(0, room, "after")
	s.publish(1, room, "end")
	s.want(c, room, "after", "end")
	if got := b.frames(room); len(got) > 0 {
		s.Errorf("after Unfollow %q arrived", got)
	}
}

func twiceCountsOnce(s *scene) {
	room := fresh("room")
	b, c := newRecord(), newRecord()
	s.follow(1, room, b)
	s.follow(1, room, b)
	s.follow(2, room, c)
	s.publish(0, room, "1")
	s.publish(0, room, "2")
	s.want(b, room, "1", "2")
	s.Nodes[1].Unfollow(room)
	s.Nodes[1].Unfollow(room)
	s.eventually("one follower is left", func() bool { return s.Followers(room) == 1 })
	s.publish(0, room, "end")
	s.waitFrame(c, room, "end")
	if got := b.frames(room); !slices.Equal(got, []string{"1", "2"}) {
		s.Errorf("got %q, want what came before Unfollow", got)
	}
}

// arrivesAtOnce would see a Follow that returns before the backend has confirmed it.
func arrivesAtOnce(s *scene) {
	b := newRecord()
	for i := range 200 {
		room := fresh(fmt.Sprint("room", i))
		s.follow(1, room, b)
		s.publish(0, room, "end")
		s.waitFrame(b, room, "end")
		s.Nodes[1].Unfollow(room)
	}
}

func endedBefore(s *scene) {
	room := fresh("room")
	b, c := newRecord(), newRecord()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := s.Nodes[1].Follow(ctx, room, b); !errors.Is(err, context.Canceled) {
		s.Errorf("Follow with a context that had ended: %v", err)
	}
	s.follow(2, room, c)
	if n := s.Followers(room); n != 1 {
		s.Errorf("%d followers, want only the one that succeeded", n)
	}
	s.publish(0, room, "end")
	s.want(c, room, "end")
	if got := b.frames(room); len(got) > 0 {
		s.Errorf("after an error %q arrived", got)
	}
}

func followedReturns(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.follow(1, room, b)
	before := s.Followers(room)
	for range 20 {
		s.follow(1, room, b)
	}
	if after := s.Followers(room); before != 1 || after != 1 {
		s.Errorf("%d followers, then %d, want 1", before, after)
	}
	s.publish(0, room, "end")
	s.want(b, room, "end")
}

func endsWaiting(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.Break(1)
	ctx, cancel := context.WithTimeout(s.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Nodes[1].Follow(ctx, room, b); !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("Follow without a connection: %v", err)
	}
	s.Mend(1)
	s.afterMending(1)
	if n := s.Followers(room); n != 0 {
		s.Errorf("a Follow that failed left %d followers", n)
	}
	s.follow(1, room, b)
	s.insist(0, room, "end")
	s.waitFrame(b, room, "end")
}

func waitsForConnection(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.Break(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := s.within()
		defer cancel()
		if err := s.Nodes[1].Follow(ctx, room, b); err != nil {
			s.Errorf("Follow: %v", err)
		}
	}()
	select {
	case <-done:
		s.Errorf("Follow returned without a connection")
	case <-time.After(100 * time.Millisecond):
	}
	s.Mend(1)
	<-done
	s.insist(0, room, "end")
	s.waitFrame(b, room, "end")
	if n := len(b.restorations(room)); n > 0 {
		s.Errorf("restored %d times, but was never interrupted", n)
	}
}

func unfollowEndsWaiting(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.Break(1)
	done := make(chan error)
	go func() {
		ctx, cancel := s.within()
		defer cancel()
		done <- s.Nodes[1].Follow(ctx, room, b)
	}()
	late := time.NewTimer(s.patience / 2)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		s.Nodes[1].Unfollow(room) // perhaps before Follow has begun
		select {
		case err := <-done:
			if ended = true; err == nil {
				s.Errorf("Follow succeeded without a connection")
			}
		case <-tick.C:
		case <-late.C:
			s.Errorf("Follow goes on waiting after Unfollow, and ended with %v", <-done)
			ended = true
		}
	}
	s.Mend(1)
	s.afterMending(1)
	if n := s.Followers(room); n != 0 {
		s.Errorf("an Unfollow left %d followers", n)
	}
}

// afterMending returns when the node has a connection again.
func (s *scene) afterMending(node int) {
	s.Helper()
	other := fresh("other")
	s.follow(node, other, newRecord())
	s.insist(node, other, "ping")
}

// refusedFollow also shows that it can be tried again.
func refusedFollow(s *scene) {
	room := fresh("room")
	b := newRecord()
	s.Refuse(true)
	ctx, cancel := s.within()
	defer cancel()
	if err := s.Nodes[1].Follow(ctx, room, b); err == nil {
		s.Errorf("Follow that the backend refused: no error")
	} else if errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("Follow that the backend refused waited: %v", err)
	}
	s.Refuse(false)
	if n := s.Followers(room); n != 0 {
		s.Errorf("a refused Follow left %d followers", n)
	}
	s.follow(1, room, b)
	s.publish(0, room, "end")
	s.want(b, room, "end")
}
