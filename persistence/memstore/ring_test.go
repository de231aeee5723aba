package memstore

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRingIsAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r ring[*int]
		var want []*int
		most := rapid.IntRange(1, 40).Draw(t, "most")
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) {
				if len(want) < most {
					v := new(int)
					r.push(v, most)
					want = append(want, v)
				}
			},
			"pop": func(t *rapid.T) {
				if len(want) > 0 {
					if v, _ := r.pop(); v != want[0] {
						t.Error("pop returned another item than the oldest")
					}
					want = want[1:]
				}
			},
			"": func(t *rapid.T) { checkRing(t, &r, want, most) },
		})
	})
}

func checkRing(t *rapid.T, r *ring[*int], want []*int, most int) {
	if r.len() != len(want) {
		t.Fatalf("%d items, want %d", r.len(), len(want))
	}
	for i, v := range want {
		if *r.at(i) != v {
			t.Errorf("item %d is another one", i)
		}
	}
	held := 0
	for _, slot := range r.slots {
		if slot != nil {
			held++
		}
	}
	if held != len(want) {
		t.Errorf("%d slots hold something, of %d items", held, len(want))
	}
	if n := len(r.slots); n > most || n > max(minSlots, 4*len(want)) {
		t.Errorf("%d slots for %d items, at most %d", n, len(want), most)
	}
}

func TestSeenRemembersInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s seen
		var want []sighting
		for i := range rapid.IntRange(0, 200).Draw(t, "calls") {
			now := time.Duration(i)
			if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
				before := now - time.Duration(rapid.IntRange(0, 60).Draw(t, "age"))
				s.expire(before)
				want = slices.DeleteFunc(want, func(v sighting) bool { return v.at < before })
			} else {
				v := sighting{id: "id" + strconv.Itoa(i), at: now, seq: uint64(i)}
				s.add(v)
				want = append(want, v)
			}
		}
		text := 0
		for _, v := range want {
			text += len(v.id)
			if seq, ok := s.find(v.id); !ok || seq != v.seq {
				t.Errorf("%s: found %d, %t; want %d", v.id, seq, ok, v.seq)
			}
		}
		if s.queue.len() != len(want) || s.text != text || s.index != nil && len(s.index) != len(want) {
			t.Errorf("%d remembered, %d indexed, %d bytes; want %d, %d", s.queue.len(), len(s.index), s.text, len(want), text)
		}
		if _, ok := s.find("id-1"); ok {
			t.Error("found what was never added")
		}
	})
}
