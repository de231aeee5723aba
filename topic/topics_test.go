package topic_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// REP-01, WIRE-01, WIRE-02: numbers count up, receivers get the protocol's bytes.
func TestPublishDelivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		publish(t, topics, "chat", `{"id":1}`)
		if p := publish(t, topics, "chat", ""); p.Position.Seq != 2 || p.Position.Epoch == "" {
			t.Errorf("second position is %v", p.Position)
		}
		synctest.Wait()
		if r.heard() != "joined@0 1 2" {
			t.Errorf("heard %s", r.heard())
		}
		for i, want := range []string{
			`{"topic":"chat","event":"n","data":{"id":1},"seq":1}`,
			`{"topic":"chat","event":"n","data":null,"seq":2}`,
		} {
			if string(r.bytes[i]) != want {
				t.Errorf("event %d is %s, want %s", i, r.bytes[i], want)
			}
		}
		h, err := topics.History(t.Context(), "chat", topic.Position{}, 0)
		if err != nil || len(h.Events) != 2 || h.Head.Seq != 2 || h.Truncated {
			t.Errorf("history %+v, %v", h, err)
		}
	})
}

func TestPublishLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", History: -1}}})
		r := subscribe(t, topics, "chat", at("", 5))
		for range 2 {
			got, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n", Data: []byte("7"), ID: "same"})
			if err != nil || got.Position != (topic.Position{}) {
				t.Errorf("receipt %+v, %v", got, err)
			}
		}
		synctest.Wait()
		if r.heard() != "joined@0 7" {
			t.Errorf("heard %s", r.heard())
		}
		if string(r.bytes[0]) != `{"topic":"chat","event":"n","data":7}` {
			t.Errorf("sent %s", r.bytes[0])
		}
		if _, err := topics.Head(t.Context(), "chat"); !errors.Is(err, topic.ErrNoHistory) {
			t.Errorf("Head: %v", err)
		}
	})
}

// STR-02..STR-05.
func TestPublishSameID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", Dedup: time.Minute}}})
		r := subscribe(t, topics, "chat", nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				got, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n", ID: "a"})
				if err != nil || got.Position.Seq != 1 {
					t.Errorf("receipt %+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * time.Minute)
		if got, _ := topics.Publish(t.Context(), "chat", topic.Message{Event: "n", ID: "a"}); got.Position.Seq != 2 || got.Duplicate {
			t.Errorf("after the window: %+v", got)
		}
		synctest.Wait()
		if r.heard() != "joined@0 1 2" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

func TestSubscribeSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", History: 5}}})
		var epoch string
		for range 8 {
			epoch = publish(t, topics, "chat", "1").Position.Epoch
		}
		for _, tc := range []struct {
			since *topic.Position
			want  string
		}{
			{nil, "joined@8"},
			{at(epoch, 8), "joined@8"},
			{at(epoch, 6), "joined@8 7 8"},
			{at("", 3), "joined@8 4 5 6 7 8"},
			{at("", 0), "joined@8 T(0,4) 4 5 6 7 8"},
			{at(epoch, 99), "joined@8 T(99,4) 4 5 6 7 8"},
			{at("other", 7), "joined@8 T(7,4) 4 5 6 7 8"},
			{at("", 1<<63), fmt.Sprintf("joined@8 T(%d,4) 4 5 6 7 8", uint64(1<<63))},
		} {
			for _, slow := range []bool{false, true} { // twice: the second may come from a cache
				r := subscribe(t, topics, "chat", tc.since)
				synctest.Wait()
				if r.heard() != tc.want {
					t.Errorf("since %v (again: %v): heard %s, want %s", tc.since, slow, r.heard(), tc.want)
				}
			}
		}
	})
}

// A receiver that asks for the past while others publish sees each number once.
func TestCatchUpThenLive(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]func() topic.Log{
		"local":  func() topic.Log { return memory(t) },
		"remote": func() topic.Log { return &remote{Log: memory(t), delay: time.Millisecond} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topics := start(t, topic.Config{Log: log(), Policies: []topic.Policy{{Match: "*", History: 100_000}}})
			const publishers, each, receivers = 4, 500, 40
			var wg sync.WaitGroup
			for range publishers {
				wg.Go(func() {
					for range each {
						if _, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n"}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all := make([]*recorder, receivers)
			for i := range all {
				all[i] = subscribe(t, topics, "chat", at("", uint64(i%3)))
				if _, err := topics.Head(t.Context(), "chat"); err != nil { // some time passes
					t.Fatal(err)
				}
			}
			wg.Wait()
			done := publish(t, topics, "chat", "1").Position.Seq
			if done != publishers*each+1 {
				t.Errorf("the last number is %d", done)
			}
			for i, r := range all {
				eventually(t, func() bool {
					n := r.numbers()
					return len(n) > 0 && n[len(n)-1] == done
				})
				first := uint64(i % 3)
				got := r.numbers()
				if got[0] == 0 { // asked for a position that was not there yet
					got, first = got[1:], 0
				}
				for k, seq := range got {
					if seq != first+uint64(k)+1 {
						t.Fatalf("receiver %d: number %d at place %d", i, seq, k)
					}
				}
			}
		})
	}
}

// eventually waits for something that other goroutines do in real time.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("did not happen within a minute")
		}
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		if err := topics.Subscribe("chat", topic.Subscription{Outlet: r, Receiver: r}); err != nil { // WIRE-05
			t.Fatal(err)
		}
		publish(t, topics, "chat", "1")
		if err := topics.Unsubscribe("chat", r, r); err != nil {
			t.Fatal(err)
		}
		publish(t, topics, "chat", "1")
		if err := topics.Unsubscribe("nobody", r, r); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.heard() != "joined@0 joined@0 1 left left" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		before := publish(t, topics, "chat", "1").Position
		if err := topics.Clear(t.Context(), "chat"); err != nil {
			t.Fatal(err)
		}
		after := publish(t, topics, "chat", "1").Position
		if after.Epoch == before.Epoch {
			t.Error("clearing kept the epoch")
		}
		synctest.Wait()
		if r.heard() != "joined@0 1 T(1,1) 1" {
			t.Errorf("heard %s", r.heard())
		}
		h, err := topics.History(t.Context(), "chat", before, 0)
		if err != nil || !h.Truncated || len(h.Events) != 1 {
			t.Errorf("history since the old epoch: %+v, %v", h, err)
		}
	})
}

func TestTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", TTL: time.Minute, Idle: -1}}})
		publish(t, topics, "chat", "1")
		time.Sleep(40 * time.Second)
		publish(t, topics, "chat", "1")
		time.Sleep(40 * time.Second)
		r := subscribe(t, topics, "chat", at("", 0))
		synctest.Wait()
		if r.heard() != "joined@2 T(0,2) 2" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

// A topic that is retired and spawned all the time loses nothing.
func TestRetire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", Idle: 200 * time.Millisecond}}})
		for i := range 50 {
			if p := publish(t, topics, "chat", "1"); p.Position.Seq != uint64(i)+1 {
				t.Fatalf("position %v after %d publishes", p.Position, i)
			}
			time.Sleep(time.Duration(i) * 20 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if topics.Len() != 0 {
			t.Errorf("%d actors are still there", topics.Len())
		}
		r := subscribe(t, topics, "chat", at("", 45))
		synctest.Wait()
		if r.heard() != "joined@50 46 47 48 49 50" {
			t.Errorf("heard %s", r.heard())
		}
		time.Sleep(10 * time.Minute)
		if topics.Len() != 1 {
			t.Error("a topic with a receiver was retired")
		}
	})
}

func TestEncodedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		a, b := subscribe(t, topics, "chat", nil), subscribe(t, topics, "chat", nil)
		publish(t, topics, "chat", "1")
		c := subscribe(t, topics, "chat", at("", 0))
		synctest.Wait()
		if &a.bytes[0][0] != &b.bytes[0][0] || &a.bytes[0][0] != &c.bytes[0][0] {
			t.Error("receivers were given different bytes")
		}
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		synctest.Wait()
		if err := topics.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.heard() != "joined@0 closed" {
			t.Errorf("heard %s", r.heard())
		}
		if _, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n"}); !errors.Is(err, topic.ErrClosed) {
			t.Errorf("publish: %v", err)
		}
		if err := topics.Subscribe("chat", topic.Subscription{Outlet: r, Receiver: r}); !errors.Is(err, topic.ErrClosed) {
			t.Errorf("subscribe: %v", err)
		}
	})
}

func TestPost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		var seqs []uint64
		for range 100 {
			if err := topics.Post("chat", topic.Message{Event: "n"}, func(r topic.Receipt, err error) {
				seqs = append(seqs, r.Position.Seq)
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := topics.Post("chat", topic.Message{Event: "n"}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(seqs) != 100 || !slices.IsSorted(seqs) {
			t.Errorf("answers %v", seqs)
		}
	})
}
