package cursor

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ms(n int) time.Time { return t0.Add(time.Duration(n) * time.Millisecond) }

// A game is a board that is told things, and says what it has in one line.
type game struct {
	*board
	slots map[string]*slot
	n     uint64
}

func newGame(p Policy) *game {
	p = p.WithDefaults()
	return &game{board: newBoard(&p, "a"), slots: map[string]*slot{}, n: 100}
}

func (g *game) next() uint64 { g.n++; return g.n }

func (g *game) slot(key string) *slot {
	if g.slots[key] == nil {
		g.slots[key] = &slot{key: key}
	}
	return g.slots[key]
}

func (g *game) step(at int, key, data string) {
	g.move(ms(at), g.next(), op{slot: g.slot(key), user: []byte("1"), data: []byte(data)})
}

func (g *game) other(at int, key string, number uint64, life, data string) verdict {
	e := Entry{Key: key, Number: number, Life: life, User: []byte("2")}
	if data != "" {
		e.Data = []byte(data)
	}
	v, _ := g.merge(ms(at), e, 30*time.Second, false)
	return v
}

// told is what receivers are told now.
func (g *game) told() string {
	moved, removed := g.take()
	var words []string
	for _, p := range moved {
		words = append(words, p.key+"="+string(p.data))
	}
	for _, key := range removed {
		words = append(words, "-"+key)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// relayed is what other nodes are told now.
func (g *game) relayed() string {
	var words []string
	for _, e := range g.entries(g.relay.cut(g.sizeOf)) {
		words = append(words, e.Key+"="+string(e.Data))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestBoard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play func(g *game)
		told string
	}{
		"leading":               {func(g *game) { g.step(0, "k", "1") }, "k=1"},
		"held":                  {func(g *game) { g.step(0, "k", "1"); g.step(49, "k", "2") }, "k=1"},
		"not held any more":     {func(g *game) { g.step(0, "k", "1"); g.step(50, "k", "2") }, "k=2"},
		"trailing":              {func(g *game) { g.step(0, "k", "1"); g.step(9, "k", "2"); g.ripe(ms(50), g.next) }, "k=2"},
		"the last trails":       {func(g *game) { g.step(0, "k", "1"); g.step(8, "k", "2"); g.step(9, "k", "3"); g.ripe(ms(50), g.next) }, "k=3"},
		"not yet":               {func(g *game) { g.step(0, "k", "1"); g.step(9, "k", "2"); g.ripe(ms(49), g.next) }, "k=1"},
		"trailing is throttled": {func(g *game) { g.step(0, "k", "1"); g.step(9, "k", "2"); g.ripe(ms(50), g.next); g.step(99, "k", "3") }, "k=2"},
		"never seen":            {func(g *game) { g.step(0, "k", "1"); g.remove(ms(1), g.next(), g.slot("k")) }, ""},
		"removal cancels": {func(g *game) {
			g.step(0, "k", "1")
			g.told()
			g.step(9, "k", "2")
			g.remove(ms(10), g.next(), g.slot("k"))
			g.ripe(ms(60), g.next)
		}, "-k"},
		"back again": {func(g *game) {
			g.step(0, "k", "1")
			g.told()
			g.remove(ms(1), g.next(), g.slot("k"))
			g.step(2, "k", "3")
		}, "k=3"},
		"of another node":        {func(g *game) { g.other(0, "k", 5, "b", "1") }, "k=1"},
		"older":                  {func(g *game) { g.other(0, "k", 5, "b", "1"); g.other(0, "k", 4, "b", "0") }, "k=1"},
		"equal":                  {func(g *game) { g.other(0, "k", 5, "b", "1"); g.other(0, "k", 5, "b", "0") }, "k=1"},
		"equal of another life":  {func(g *game) { g.other(0, "k", 5, "b", "1"); g.other(0, "k", 5, "c", "2") }, "k=2"},
		"removed":                {func(g *game) { g.other(0, "k", 5, "b", "1"); g.told(); g.other(0, "k", 6, "b", "") }, "-k"},
		"overtaken by removal":   {func(g *game) { g.other(0, "k", 6, "b", ""); g.other(0, "k", 5, "b", "1") }, ""},
		"after a removal":        {func(g *game) { g.other(0, "k", 6, "b", ""); g.other(0, "k", 7, "b", "1") }, "k=1"},
		"taken over from others": {func(g *game) { g.other(0, "k", 500, "b", "1"); g.step(0, "k", "2") }, "k=2"},
		"taken over by others":   {func(g *game) { g.step(0, "k", "1"); g.other(0, "k", 500, "b", "2"); g.ripe(ms(60), g.next) }, "k=2"},
		"expired": {func(g *game) {
			g.step(0, "k", "1")
			g.other(1, "l", 5, "b", "1")
			g.told()
			g.expire(ms(30_000), g.next)
		}, "-k"},
		"all expired": {func(g *game) {
			g.step(0, "k", "1")
			g.other(1, "l", 5, "b", "1")
			g.told()
			g.expire(ms(30_001), g.next)
		}, "-k -l"},
		"held does not expire": {func(g *game) { g.step(0, "k", "1"); g.told(); g.step(1, "k", "2"); g.expire(ms(30_000), g.next) }, ""},
		"expired for good": {func(g *game) {
			g.other(0, "k", 5, "b", "1")
			g.expire(ms(30_000), g.next)
			g.other(30_000, "k", 5, "b", "1")
		}, ""},
		"forgotten": {func(g *game) {
			g.other(0, "k", 5, "b", "1")
			g.other(0, "l", 5, "c", "1")
			g.told()
			g.forget(ms(1), "b")
		}, "-k"},
		"forgotten for good":   {func(g *game) { g.other(0, "k", 5, "b", "1"); g.forget(ms(1), "b"); g.other(0, "k", 5, "b", "1") }, ""},
		"own is not forgotten": {func(g *game) { g.step(0, "k", "1"); g.forget(ms(1), "a") }, "k=1"},
		"missing":              {func(g *game) { g.other(0, "k", 5, "b", "1"); g.told(); g.missing(ms(10), map[string]bool{}, ms(0)) }, "-k"},
		"not known to miss":    {func(g *game) { g.other(1, "k", 5, "b", "1"); g.told(); g.missing(ms(10), map[string]bool{}, ms(0)) }, ""},
		"heard of since": {func(g *game) {
			g.other(0, "k", 5, "b", "1")
			g.told()
			g.other(9, "k", 5, "b", "1")
			g.missing(ms(10), map[string]bool{}, ms(5))
		}, ""},
		"own is never missing": {func(g *game) { g.step(0, "k", "1"); g.missing(ms(10), map[string]bool{}, ms(9)) }, "k=1"},
		"missing is missing": {func(g *game) {
			g.other(0, "k", 5, "b", "1")
			g.missing(ms(10), map[string]bool{}, ms(0))
			g.other(0, "k", 5, "b", "1")
		}, ""},
		"missing may come back": {func(g *game) {
			g.other(0, "k", 5, "b", "1")
			g.missing(ms(10), map[string]bool{}, ms(0))
			g.other(0, "k", 6, "b", "1")
		}, "k=1"},
		"left":   {func(g *game) { g.other(0, "k", 5, "b", "1"); g.step(0, "l", "1"); g.told(); g.leave() }, "-k"},
		"reborn": {func(g *game) { g.step(0, "k", "1"); g.told(); g.reborn("a2", g.next) }, ""},
		"quit":   {func(g *game) { g.step(0, "k", "1"); g.other(0, "l", 5, "b", "1"); g.told(); g.quit(ms(1), g.next) }, "-k"},
	} {
		g := newGame(Policy{})
		c.play(g)
		if got := g.told(); got != c.told {
			t.Errorf("%s: told %q, want %q", name, got, c.told)
		}
		if fault := g.fault(); fault != "" {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// What others are told is what is so, not what was.
func TestBoardTellsOthers(t *testing.T) {
	t.Parallel()
	g := newGame(Policy{})
	g.step(0, "k", "1")
	g.step(0, "l", "1")
	g.step(60, "k", "2")
	g.remove(ms(61), g.next(), g.slot("l"))
	g.other(61, "m", 5, "b", "1")
	if got := g.relayed(); got != "k=2 l=" {
		t.Errorf("relayed %q", got)
	}
	g.retell(&g.relay, []string{"k", "l", "m", "unknown"})
	if got := g.relayed(); got != "k=2 l=" {
		t.Errorf("relayed again %q", got)
	}
	g.other(62, "k", 5000, "b", "3")
	g.retell(&g.relay, []string{"k"})
	if got := g.relayed(); got != "" {
		t.Errorf("relayed of another node %q", got)
	}
	g.forget(ms(63), "b")
	g.retell(&g.relay, []string{"k"})
	if got, store := g.relayed(), g.entries(g.save.cut(g.sizeOf)); got != "" || len(store) != 3 {
		t.Errorf("of the dead relayed %q, saved %v", got, store)
	}
	before := g.next()
	g.step(100, "n", "1")
	g.relayed()
	g.reborn("a2", func() uint64 { return before })
	if got := g.relayed(); got != "n=1" || g.cursors["n"].number < before+2 {
		t.Errorf("reborn relayed %q, %d", got, g.cursors["n"].number)
	}
}

// fault says where the books do not agree with the board.
func (g *game) fault() string {
	own, bytes := 0, 0
	var other tally
	for key, p := range g.cursors {
		bytes += p.size()
		if p.slot != nil {
			own++
		} else {
			other.cursors++
			other.bytes += p.size()
		}
		if (p.held != nil) != (g.held[key] != nil) || p.key != key || p.data == nil || p.slot != nil && p.life != g.life {
			return fmt.Sprintf("cursor %s: %+v", key, p)
		}
		if _, dug := g.graves[key]; dug {
			return "a grave of " + key + ", which is there"
		}
	}
	for key := range g.held {
		if p := g.cursors[key]; p == nil || p.slot == nil {
			return key + " is held and not ours"
		}
	}
	if own != g.own || bytes != g.bytes || other != g.board.other {
		return fmt.Sprintf("own %d of %d, bytes %d of %d, other %v of %v", g.own, own, g.bytes, bytes, g.board.other, other)
	}
	return ""
}

// Whatever is done in whatever order, the books agree, and two boards that were told the same
// changes of others in different orders are the same.
func TestBoardsAgree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var changes []Entry
		for n := range 40 {
			e := Entry{Key: fmt.Sprint(rng.IntN(4)), Number: uint64(1 + rng.IntN(30)), Life: string(rune('b' + rng.IntN(3))), User: []byte("1")}
			if rng.IntN(3) > 0 {
				e.Data = []byte(fmt.Sprint(n))
			}
			if !slices.ContainsFunc(changes, func(x Entry) bool { return x.Key == e.Key && x.Number == e.Number && x.Life == e.Life }) {
				changes = append(changes, e)
			}
		}
		views := []map[string]string{}
		for range 3 {
			rng.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
			g := newGame(Policy{})
			for _, e := range changes {
				g.merge(t0, e, time.Minute, false)
				if f := g.fault(); f != "" {
					t.Fatal(f)
				}
			}
			view := map[string]string{}
			for _, c := range g.list(nil) {
				view[c.Key] = string(c.Data)
			}
			views = append(views, view)
		}
		if !maps.Equal(views[0], views[1]) || !maps.Equal(views[0], views[2]) {
			t.Fatalf("of %v\n%v\n%v\n%v", changes, views[0], views[1], views[2])
		}
	}
}

func TestBooksAgree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGame(Policy{})
	for at := range 20_000 {
		key, number, life := fmt.Sprint(rng.IntN(6)), uint64(rng.IntN(3000)), string(rune('b'+rng.IntN(3)))
		switch rng.IntN(12) {
		case 0, 1, 2, 3:
			g.step(at, key, strings.Repeat("1", 1+rng.IntN(9)))
		case 4:
			g.remove(ms(at), g.next(), g.slot(key))
			delete(g.slots, key)
		case 5, 6:
			g.other(at, key, number, life, strings.Repeat("2", 1+rng.IntN(9)))
		case 7:
			g.other(at, key, number, life, "")
		case 8:
			g.ripe(ms(at), g.next)
		case 9:
			g.told()
			g.relayed()
		case 10:
			g.forget(ms(at), life)
		case 11:
			g.expire(ms(at-29_000+rng.IntN(1000)), g.next)
		}
		if f := g.fault(); f != "" {
			t.Fatalf("after %d: %s", at, f)
		}
	}
}

func TestKeysCut(t *testing.T) {
	t.Parallel()
	var k keys
	for i := range 1000 {
		k.add(fmt.Sprint(i))
		k.add(fmt.Sprint(i))
	}
	k.drop("0")
	first := k.cut(func(string) int { return 10 })
	second := k.cut(func(string) int { return 10 })
	if len(first) != MaxEntries || len(second) != 999-MaxEntries || k.len() != 0 || first[0] != "1" {
		t.Errorf("%d and %d, %d are left", len(first), len(second), k.len())
	}
	for i := range 5 {
		k.add(fmt.Sprint(i))
	}
	if got := k.cut(func(string) int { return MaxBytes / 2 }); len(got) != 1 {
		t.Errorf("%d of half the size each", len(got))
	}
	if got := k.cut(func(string) int { return 2 * MaxBytes }); len(got) != 1 {
		t.Errorf("%d of too large ones", len(got))
	}
}
