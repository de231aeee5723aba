package redisstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

const day = 24 * time.Hour

// wantTTL checks how long a key has to live; -1 is for ever.
func wantTTL(t *testing.T, client redis.Cmdable, key string, least, most time.Duration) {
	t.Helper()
	got, err := client.PTTL(t.Context(), key).Result()
	if err != nil || got < least || got > most {
		t.Errorf("%s expires in %v, want %v to %v (%v)", key, got, least, most, err)
	}
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, client := open(t, server.URL()), server.Client(t)
	head, log := s.names.Head("t"), s.names.Log("t")

	// A topic without events.
	get(t, s, "t")
	wantTTL(t, client, head, day-time.Minute, day)
	putKeep(t, s, "t", topic.Retention{Size: 10}, event("x"))
	wantTTL(t, client, head, -1, -1)
	wantTTL(t, client, log, -1, -1)

	// One whose events age, from the first append with that policy on, and no longer.
	aging := topic.Retention{Size: 10, TTL: time.Hour, Dedup: time.Minute}
	putKeep(t, s, "t", aging, topic.Entry{ID: "1", Name: "e", Data: []byte("1")})
	wantTTL(t, client, head, day+time.Hour, day+2*time.Hour)
	wantTTL(t, client, log, time.Hour, time.Hour+2*time.Minute)
	wantTTL(t, client, s.names.IDs("t", 1), time.Minute, 3*time.Minute)
	putKeep(t, s, "t", topic.Retention{Size: 10}, event("x"))
	wantTTL(t, client, head, -1, -1)
	wantTTL(t, client, log, -1, -1)

	// After Clear it is as at the beginning.
	if err := s.Clear(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	wantTTL(t, client, head, day-time.Minute, day)
}

// A clock that was ahead for a while does not keep anything from being tended.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, client := open(t, server.URL()), server.Client(t)
	aging := topic.Retention{Size: 10, TTL: time.Hour}
	putKeep(t, s, "t", aging, event("x"))
	head, log := s.names.Head("t"), s.names.Log("t")
	if err := client.HSet(t.Context(), head, "due", time.Now().Add(2*day).UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.PExpire(t.Context(), log, 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	putKeep(t, s, "t", aging, event("x"))
	wantTTL(t, client, log, time.Hour, time.Hour+2*time.Minute)
}

// What is asked for stays: the position, not the events.
func TestReadKeepsHead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, client := open(t, server.URL()), server.Client(t)
	aging := topic.Retention{Size: 10, TTL: time.Second}
	putKeep(t, s, "aging", aging, event("x"))
	get(t, s, "empty")
	for _, name := range []string{"aging", "empty"} {
		if err := client.PExpire(t.Context(), s.names.Head(name), time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		getAfter(t, s, name, 0, aging)
		wantTTL(t, client, s.names.Head(name), day-time.Minute, day)
	}
	wantTTL(t, client, s.names.Log("aging"), 0, 2*time.Minute)
}

// Size and TTL bound what lies in Redis, about.
func TestLogIsTrimmed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, client := open(t, server.URL()), server.Client(t)
	const node = 110 // entries of a stream that go together
	for range 1000 {
		putKeep(t, s, "size", topic.Retention{Size: 10}, event("x"))
	}
	if n := client.XLen(t.Context(), s.names.Log("size")).Val(); n > 10+node {
		t.Errorf("%d entries in Redis for a size of 10", n)
	}
	keep := topic.Retention{Size: 10_000, TTL: 100 * time.Millisecond}
	for range 1000 {
		putKeep(t, s, "ttl", keep, event("x"))
	}
	redistest.Eventually(t, 10*time.Second, "the expired are gone", func() error {
		putKeep(t, s, "ttl", keep, event("x"))
		if n := client.XLen(t.Context(), s.names.Log("ttl")).Val(); n > node+200 {
			return fmt.Errorf("%d entries", n)
		}
		return nil
	})
}

func TestIDsAreForgotten(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, client := open(t, server.URL()), server.Client(t)
	keep := topic.Retention{Size: 10, Dedup: 50 * time.Millisecond}
	held := func() (n int64) {
		for g := range 2 {
			n += client.HLen(t.Context(), s.names.IDs("t", g)).Val()
		}
		return n
	}
	i, most := 0, int64(0)
	putID := func() {
		i++
		putKeep(t, s, "t", keep, topic.Entry{ID: strconv.Itoa(i), Name: "e", Data: []byte("1")})
		most = max(most, held())
	}
	for range 300 {
		putID()
	}
	redistest.Eventually(t, 10*time.Second, "the first ones are gone", func() error {
		putID()
		if n := held(); n >= most {
			return errors.New("all are remembered")
		}
		return nil
	})
}

// The search for what is not expired finds what a look at each would.
func TestOldestUnderTTL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	random := rand.New(rand.NewPCG(1, 2))
	keep := topic.Retention{Size: 10_000, TTL: time.Hour}
	now := time.Now().UnixMilli()
	one := topic.AppendEntry(nil, "e", []byte("1"))
	for round := range 150 {
		s := open(t, server.URL())
		chunks, expired, hole := random.IntN(20), 0, -1
		if chunks > 0 {
			expired, hole = random.IntN(chunks+1), random.IntN(3*chunks) // mostly there is none
		}
		seq, oldest := uint64(random.IntN(3))*1000, uint64(0)
		base := seq + 1
		for c := range chunks {
			at, n := now, 1+random.IntN(4)
			if c < expired {
				at -= 2 * time.Hour.Milliseconds()
			} else if oldest == 0 {
				oldest = seq + 1
			}
			seq += uint64(n)
			var e string
			for range n {
				e += string(one)
			}
			if c == hole { // what is before it can not be had any more
				if oldest != 0 {
					oldest = seq + 1
				}
				continue
			}
			add(t, client, s.names.Log("t"), fmt.Sprintf("%d-0", seq), "t", strconv.FormatInt(at, 10), "n", strconv.Itoa(n), "e", e)
		}
		if oldest == 0 {
			oldest = seq + 1
		}
		if err := client.HSet(t.Context(), s.names.Head("t"), "epoch", "x", "seq", seq, "base", base).Err(); err != nil {
			t.Fatal(err)
		}
		p := getAfter(t, s, "t", 0, keep)
		if p.Oldest != oldest || uint64(len(p.Records)) != seq+1-oldest {
			t.Fatalf("round %d: oldest %d, %d records; want oldest %d of head %d", round, p.Oldest, len(p.Records), oldest, seq)
		}
		// With a size that cuts into the middle of a chunk.
		if size := int(seq-base)/2 + 1; chunks > 0 {
			want := max(oldest, seq-uint64(size)+1)
			if p := getAfter(t, s, "t", 0, topic.Retention{Size: size, TTL: time.Hour}); p.Oldest != want {
				t.Fatalf("round %d, size %d: oldest %d, want %d", round, size, p.Oldest, want)
			}
		}
	}
}
