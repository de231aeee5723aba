package redisbus

import (
	"math/rand/v2"
	"testing"
	"time"
)

// apply does what a letter stands for: f follow, u unfollow, p placed, s the next step is
// sent, c confirmed, r refused and asked again, l lost.
func apply(s *subscription, what byte) (restored bool) {
	switch what {
	case 'f':
		s.follow()
	case 'u':
		s.unfollow()
	case 'p':
		s.placed()
	case 's':
		s.sent(s.next())
	case 'c':
		if s.phase == leaving {
			s.back()
			return false
		}
		return s.joined()
	case 'r':
		s.back()
	case 'l':
		s.lost(time.Unix(1, 0))
	}
	return false
}

func TestSubscriptionSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		calls    string
		next     step
		restored int
	}{
		{"f", place, 0},
		{"fp", subscribe, 0},
		{"fps", rest, 0},
		{"fpsc", rest, 0},
		{"fpscf", rest, 0},
		{"fu", forget, 0},
		{"fpu", forget, 0},
		{"fpsu", rest, 0},
		{"fpsuf", rest, 0},
		{"fpsufc", rest, 0},
		{"fpsuc", unsubscribe, 0},
		{"fpscu", unsubscribe, 0},
		{"fpscuf", rest, 0},
		{"fpscus", rest, 0},
		{"fpscusc", forget, 0},
		{"fpscusf", rest, 0},
		{"fpscusfc", subscribe, 0},
		{"fpscusfcsc", rest, 0},
		{"fpsr", subscribe, 0},
		{"fpsl", place, 0},
		{"fpslpsc", rest, 0}, // it was never on: nothing was interrupted
		{"fpscl", place, 0},
		{"fpsclpsc", rest, 1},
		{"fpsclllpsc", rest, 1},
		{"fpsclpslpsc", rest, 1}, // two connections lost, one interruption
		{"fpsclpsclpsc", rest, 2},
		{"fpsclu", forget, 0},
		{"fpsclufpsc", rest, 0}, // nobody wanted it meanwhile
		{"fpsclfpsc", rest, 1},
		{"fpscul", forget, 0},
		{"fpsculfpsc", rest, 0},
		{"fpscusl", forget, 0},
		{"fpscusfl", place, 0},
		{"fpscusflpsc", rest, 0}, // that Follow had not returned
	} {
		var s subscription
		restored := 0
		for i := range len(c.calls) {
			if apply(&s, c.calls[i]) {
				restored++
			}
		}
		if got := s.next(); got != c.next || restored != c.restored {
			t.Errorf("%s: next is %d, restored %d times; want %d, %d", c.calls, got, restored, c.next, c.restored)
		}
	}
}

// TestSubscriptionSettles calls at random. When the answers have come, what is
// wanted is what the server has, and every break while it was wanted was told once.
func TestSubscriptionSettles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var s subscription
		server, promised, told, calls := false, false, 0, ""
		broke := 0
		for range r.IntN(40) {
			what := "fusclp"[r.IntN(6)]
			switch next := s.next(); {
			case what == 'p' && next != place,
				what == 's' && next != subscribe && next != unsubscribe,
				what == 'c' && s.phase != asking && s.phase != leaving,
				what == 'l' && s.phase == adrift:
				continue
			}
			calls += string(what)
			switch what {
			case 's':
				server = s.next() == subscribe
			case 'l':
				if promised && s.phase == on && broke == told {
					broke++
				}
				server = false
			case 'u':
				promised, broke = false, told
			}
			if apply(&s, what) {
				told++
			}
			promised = promised || s.live()
			if told > broke {
				t.Fatalf("%s: told of %d interruptions, there were %d", calls, told, broke)
			}
		}
		for s.next() != rest && s.next() != forget || s.phase == asking || s.phase == leaving {
			switch s.next() {
			case place:
				apply(&s, 'p')
			case subscribe, unsubscribe:
				server = s.next() == subscribe
				apply(&s, 's')
			default:
				if apply(&s, 'c') {
					told++
				}
			}
		}
		if s.wanted != server || s.wanted != s.live() || s.wanted && told != broke {
			t.Fatalf("%s: wanted %t, the server has it %t, told %d of %d", calls, s.wanted, server, told, broke)
		}
	}
}
