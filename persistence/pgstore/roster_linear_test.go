package pgstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// seats is how many members the roster of this file may have.
const seats = 5

// A seating is who sits where: words "member/life" in order. Its version counts the changes of
// who is a member.
type seating struct {
	version uint64
	words   string
}

func (s seating) sits(key string) bool { return strings.Contains(s.words, " "+key+"/") }

func (s seating) members() (n int) {
	last := ""
	for word := range strings.FieldsSeq(s.words) {
		if key, _, _ := strings.Cut(word, "/"); key != last {
			n, last = n+1, key
		}
	}
	return n
}

// An asked is what a life asked for; a told what it was told, nothing if the call failed.
type asked struct {
	life string
	ops  []roster.Op
}

type told struct {
	ok      bool
	version uint64
	count   int
	refused []int
}

// after is the seating after a call, and what the caller has to be told.
func (s seating) after(in asked) (seating, told) {
	words := strings.Fields(s.words)
	changed, out := false, told{ok: true}
	for i, op := range in.ops {
		word := op.Key + "/" + in.life
		sits, mine := s.sits(op.Key), slices.Contains(words, word)
		switch {
		case op.Value == nil && mine:
			words = slices.DeleteFunc(words, func(w string) bool { return w == word })
		case op.Value != nil && !sits && s.members() >= seats:
			out.refused = append(out.refused, i)
		case op.Value != nil && !mine:
			words = append(words, word)
		}
		slices.Sort(words)
		s.words = " " + strings.Join(words, " ")
		changed = changed || sits != s.sits(op.Key)
	}
	if changed {
		s.version++
	}
	out.version, out.count = s.version, s.members()
	return s, out
}

// seatingModel is a set of at most five. A call that failed happened before the next answer of the same
// life, or never.
var seatingModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{seating{}} },
	Step: func(state, input, output any) []any {
		s, out := state.(seating), output.(told)
		after, want := s.after(input.(asked))
		if !out.ok {
			return []any{s, after}
		}
		if out.version == want.version && out.count == want.count && slices.Equal(out.refused, want.refused) {
			return []any{after}
		}
		return nil
	},
}

// A sitter is one life, whose calls are one after the other.
type sitter struct {
	life  string
	r     *Rosters
	began time.Time
	open  []porcupine.Operation // failed since the last answer
	all   []porcupine.Operation
}

func (c *sitter) call(ops []roster.Op) error {
	op := porcupine.Operation{Input: asked{c.life, ops}, Output: told{}, Call: int64(time.Since(c.began))}
	a, err := c.r.Apply(context.Background(), "lobby", c.life, ops, seats)
	now := int64(time.Since(c.began))
	if err != nil && len(ops) > 0 {
		c.open = append(c.open, op)
	}
	if err != nil {
		return err
	}
	op.Output, op.Return = told{true, a.Version, a.Count, a.Refused}, now
	c.all = append(c.all, op)
	for _, lost := range c.open {
		lost.Return = now
		c.all = append(c.all, lost)
	}
	c.open = nil
	return nil
}

func (c *sitter) play(steps int) {
	random := rand.New(rand.NewPCG(uint64(len(c.life)), uint64(c.life[len(c.life)-1])))
	for range steps {
		var ops []roster.Op
		for _, key := range random.Perm(8)[:1+random.IntN(2)] {
			op := roster.Op{Key: fmt.Sprint("k", key)}
			if random.IntN(2) == 0 {
				op.Value = []byte("1")
			}
			ops = append(ops, op)
		}
		for err := c.call(ops); err != nil; { // what failed is settled before it goes on
			err = c.call(nil)
		}
	}
}

// A trouble happens every few milliseconds, with the number of times that it did.
type seatTrouble func(t *testing.T, server *pgtest.Server, proxies []*pgtest.Proxy, i int)

// Places are given as if all nodes asked one after the other, and never more than there are; also when
// connections end and answers are lost, and when what was given up reaches Postgres late.
func TestRosterLinearizable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		timeout time.Duration
		calls   int // of each life
		trouble seatTrouble
	}{
		"nothing happens": {10 * time.Second, 150, nil},
		"connections are killed": {10 * time.Second, 150, func(t *testing.T, server *pgtest.Server, proxies []*pgtest.Proxy, i int) {
			switch { // the more calls fail at once, the longer the checker thinks
			case i%100 == 60:
				server.KillClients(t)
			case i%8 == 3:
				proxies[i/8%len(proxies)].LoseAnswer()
			case i%16 == 11:
				proxies[i/16%len(proxies)].Cut()
			}
		}},
		"Postgres hangs": {250 * time.Millisecond, 60, func(_ *testing.T, server *pgtest.Server, _ []*pgtest.Proxy, i int) {
			switch i % 48 {
			case 6:
				server.Pause()
			case 32:
				server.Resume()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := checkSeating(t, tt.timeout, tt.calls, tt.trouble)
			if tt.trouble != nil && lost < 2 { // a fast machine is through before much can happen
				t.Errorf("only %d calls failed", lost)
			}
		})
	}
}

func checkSeating(t *testing.T, timeout time.Duration, calls int, trouble seatTrouble) (lost int) {
	server := pgtest.Start(t)
	url := server.Database(t)
	pgtest.Open(t, url, pgdb.Config{}) // migrates
	proxies, sitters := seatIn(t, server, url, timeout)
	disturb(t, server, proxies, trouble, func() { play(sitters, calls) })
	var all []porcupine.Operation
	for i, c := range sitters {
		for _, op := range c.all {
			op.ClientId = i
			all = append(all, op)
			if !op.Output.(told).ok {
				lost++
			}
		}
	}
	if got := porcupine.CheckOperationsTimeout(seatingModel.ToModel(), all, time.Minute); got != porcupine.Ok {
		t.Errorf("what %d calls were told, of which %d failed, is not linearizable: %v", len(all), lost, got)
	}
	return lost
}

func play(sitters []*sitter, calls int) {
	var playing sync.WaitGroup
	for _, c := range sitters {
		playing.Go(func() { c.play(calls) })
	}
	playing.Wait()
}

// seatIn starts four nodes, each with two lives, which share its pool.
func seatIn(t *testing.T, server *pgtest.Server, url string, timeout time.Duration) (proxies []*pgtest.Proxy, sitters []*sitter) {
	began := time.Now()
	for n := range 4 {
		p := pgtest.StartProxy(t, server.Addr())
		proxies = append(proxies, p)
		var db *pgdb.DB
		pgtest.Eventually(t, 20*time.Second, "a connection", func() (err error) { // the timeout may be too short for it
			db, err = pgdb.Open(t.Context(), pgdb.Config{URL: p.URL(url), Timeout: timeout, MaxConns: 3})
			return err
		})
		t.Cleanup(func() { _ = db.Close() })
		r := NewRosters(db)
		for c := range 2 {
			sitters = append(sitters, &sitter{life: fmt.Sprint("life", 2*n+c), r: r, began: began})
		}
	}
	return proxies, sitters
}

// disturb makes trouble every few milliseconds while f runs.
func disturb(t *testing.T, server *pgtest.Server, proxies []*pgtest.Proxy, trouble seatTrouble, f func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; trouble != nil; i++ {
			select {
			case <-done:
				return
			case <-tick.C:
				trouble(t, server, proxies, i)
			}
		}
	}()
	f()
	close(done)
	<-ended
	server.Resume()
}

// The checker notices what a broken function would do.
func TestSeatingCheckerCatches(t *testing.T) {
	t.Parallel()
	put := func(from, to int64, life, key string, out told) porcupine.Operation {
		return porcupine.Operation{Call: from, Return: to, Input: asked{life, []roster.Op{{Key: key, Value: []byte("1")}}}, Output: out}
	}
	drop := func(from, to int64, life, key string, out told) porcupine.Operation {
		return porcupine.Operation{Call: from, Return: to, Input: asked{life, []roster.Op{{Key: key}}}, Output: out}
	}
	var full []porcupine.Operation
	for i := range seats {
		full = append(full, put(int64(10*i), int64(10*i+5), "x", fmt.Sprint("k", i), told{true, uint64(i + 1), i + 1, nil}))
	}
	for name, tt := range map[string]struct {
		more []porcupine.Operation
		want bool
	}{
		"refused":                {[]porcupine.Operation{put(100, 101, "y", "k9", told{true, 5, 5, []int{0}})}, true},
		"one too many":           {[]porcupine.Operation{put(100, 101, "y", "k9", told{true, 6, 6, nil})}, false},
		"refused who is there":   {[]porcupine.Operation{put(100, 101, "y", "k1", told{true, 5, 5, []int{0}})}, false},
		"shown twice":            {[]porcupine.Operation{put(100, 101, "y", "k1", told{true, 5, 5, nil}), drop(102, 103, "x", "k1", told{true, 5, 5, nil})}, true},
		"gone with the first":    {[]porcupine.Operation{put(100, 101, "y", "k1", told{true, 5, 5, nil}), drop(102, 103, "x", "k1", told{true, 6, 4, nil})}, false},
		"a failed drop happened": {[]porcupine.Operation{drop(100, 105, "x", "k1", told{}), put(101, 102, "y", "k9", told{true, 7, 5, nil})}, true},
		"it did not":             {[]porcupine.Operation{drop(100, 105, "x", "k1", told{}), put(106, 107, "y", "k9", told{true, 5, 5, []int{0}})}, true},
		"it came too late": {[]porcupine.Operation{drop(100, 105, "x", "k1", told{}), put(106, 107, "y", "k9", told{true, 5, 5, []int{0}}),
			put(108, 109, "y", "k9", told{true, 7, 5, nil})}, false},
	} {
		if got := porcupine.CheckOperations(seatingModel.ToModel(), append(slices.Clone(full), tt.more...)); got != tt.want {
			t.Errorf("%s: the checker says %t", name, got)
		}
	}
}
