package ratelimit

// A share decides how many points a node takes ahead of a key: as many as it is likely
// to use while they last. It doubles while they are used up in time.
type share struct {
	size int   // of the last one
	at   int64 // when it was asked for
}

// next is called when the Store is about to be asked, with what is left of the last
// share and how many points wait. life is how long a share lasts.
func (s *share) next(now, life int64, left, waiting, most int) int {
	recent := s.at > 0 && now-s.at < 2*life
	s.at = now
	switch {
	case most == 0 || !recent:
		s.size = 0
	case left > 0:
		s.size -= min(left, s.size)
	default:
		s.size = min(max(2*s.size, waiting), most)
	}
	return s.size
}
