package gateway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// These tests need events, which only a topic makes; Stale makes one for anybody.
func event(name string, ms int) *topic.Event { return topic.Stale(name, time.UnixMilli(int64(ms))) }

func chunkOf(name string, from, n int) *chunk {
	c := &chunk{}
	for i := range n {
		c.events = append(c.events, event(name, from+i))
	}
	c.plain = appendPlain(nil, c.events)
	return c
}

// texts cuts what was written into frames and fails if they are not whole.
func texts(t *testing.T, b []byte) []string {
	t.Helper()
	var out []string
	for len(b) > 0 {
		n := frameSize(b)
		if n > len(b) {
			t.Fatalf("%d bytes of a frame of %d", len(b), n)
		}
		out = append(out, string(b[headerLen(b):n]))
		b = b[n:]
	}
	return out
}

func headerLen(b []byte) int {
	switch b[1] & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

func take(b *backlog, n int) []byte {
	var out []byte
	for n > 0 {
		p := b.next()
		if len(p) == 0 {
			break
		}
		k := min(n, len(p))
		out = append(out, p[:k]...)
		b.wrote(k)
		n -= k
	}
	return out
}

func TestBacklogPolicies(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(77)
	one := len(chunkOf("t", 10, 1).plain)
	for name, test := range map[string]struct {
		slow  topic.Slow
		limit int
		add   []*chunk
		want  string
		drops int
		ok    bool
	}{
		"fits":                         {topic.SlowDisconnect, 3 * one, []*chunk{chunkOf("t", 10, 3)}, "10 11 12", 0, true},
		"disconnect":                   {topic.SlowDisconnect, 2 * one, []*chunk{chunkOf("t", 10, 2), chunkOf("t", 12, 1)}, "10 11", 0, false},
		"drop oldest":                  {topic.SlowDropOldest, 3 * one, []*chunk{chunkOf("t", 10, 3), chunkOf("t", 13, 2)}, "77 12 13 14", 2, true},
		"drop a chunk that never fits": {topic.SlowDropOldest, one, []*chunk{chunkOf("t", 10, 3)}, "77", 3, true},
		"two topics": {topic.SlowDropOldest, 2 * one, []*chunk{chunkOf("t", 10, 1), chunkOf("u", 20, 1), chunkOf("t", 11, 2)},
			"77 77 11 12", 2, true},
		"conflate": {topic.SlowConflate, 9 * one, []*chunk{chunkOf("t", 10, 3), chunkOf("u", 20, 1), chunkOf("t", 13, 1)}, "20 13", 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &backlog{limit: test.limit}
			drops, ok := 0, true
			for _, c := range test.add {
				n, fine := b.add(c, test.slow, now)
				drops, ok = drops+n, ok && fine
			}
			var got []string
			for _, s := range texts(t, take(b, 1<<20)) {
				since := s[strings.Index(s, `"since":`)+8:]
				got = append(got, since[:strings.IndexAny(since, ",}")])
			}
			if strings.Join(got, " ") != test.want || drops != test.drops || ok != test.ok {
				t.Errorf("got %v, %d dropped, %v; want %s, %d, %v", got, drops, ok, test.want, test.drops, test.ok)
			}
			if b.queued != 0 || b.owed != 0 || len(b.losses) != 0 || len(b.newest) != 0 {
				t.Errorf("left over: %+v", b)
			}
		})
	}
}

// TestBacklogNeverCutsFrames writes in pieces of every size while things are
// added, dropped and closed in between.
func TestBacklogNeverCutsFrames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := &backlog{limit: 400}
		var out []byte
		for range 200 {
			name := fmt.Sprintf("t%d", r.IntN(3))
			switch r.IntN(8) {
			case 0:
				b.addDirect(appendText(nil, bytes.Repeat([]byte("d"), r.IntN(200))))
			case 1:
				b.addPong([]byte{0x8a, 1, 'p'})
			case 2:
				b.addCatchup(chunkOf(name, 1000, 1+r.IntN(3)))
			default:
				b.add(chunkOf(name, 1000, 1+r.IntN(4)), topic.Slow(1+r.IntN(2)), time.UnixMilli(5))
			}
			if b.queued > 400+220*200 {
				t.Fatalf("%d bytes queued", b.queued)
			}
			out = append(out, take(b, r.IntN(150))...)
		}
		b.finish(closeFrame(1013, "slow"), r.IntN(2) == 0)
		b.addDirect(appendText(nil, []byte("after the end")))
		out = append(out, take(b, 1<<20)...)
		frames := texts(t, out)
		if last := frames[len(frames)-1]; last != "\x03\xf5slow" {
			t.Fatalf("seed %d: the last frame is %q", seed, last)
		}
		if b.queued != 0 || b.owed != 0 || b.dead != 0 {
			t.Fatalf("seed %d: left over: %d %d %d", seed, b.queued, b.owed, b.dead)
		}
	}
}
