package topic_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// What is posted locally reaches this node's receivers, in order with what is published, and no other node's.
func TestPostLocal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, w := pair(t, topic.Policy{History: -1})
		here, there := subscribe(t, a, "chat", nil), subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		answers := 0
		for i := range 6 {
			post := a.Post
			if i%3 > 0 {
				post = a.PostLocal
			}
			if err := post("chat", topic.Message{Event: "n", Data: []byte(fmt.Sprint(i))}, func(topic.Receipt, error) { answers++ }); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if here.heard() != "joined@0 0 1 2 3 4 5" || there.heard() != "joined@0 0 3" || answers != 6 {
			t.Errorf("here %s, there %s, %d answers", here.heard(), there.heard(), answers)
		}
		frames := func() (n int) {
			w.set(func(w *wires) { n = w.sent })
			return n
		}
		sent := frames()
		if err := a.PostLocal("chat", topic.Message{Event: "n"}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if frames() != sent {
			t.Error("a frame for nothing")
		}
	})
}

func TestPostLocalRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "live:*", History: -1}}})
		var input *topic.InputError
		for name, want := range map[string]func(error) bool{
			"kept":     func(err error) bool { return errors.Is(err, topic.ErrHistory) },
			"live:\"x": func(err error) bool { return errors.As(err, &input) },
		} {
			if err := topics.PostLocal(name, topic.Message{Event: "n"}, func(topic.Receipt, error) { t.Error("answered") }); !want(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		answered := false
		err := topics.PostLocal("live:nobody", topic.Message{Event: "n"}, func(_ topic.Receipt, err error) { answered = err == nil })
		if err != nil || !answered || topics.Len() != 0 {
			t.Errorf("without receivers: %v, answered %v, %d actors", err, answered, topics.Len())
		}
	})
}

// Stale comes behind what was posted before, to topics with history and without, and only where somebody is.
func TestStaleFromOutside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "live:*", History: -1}}})
		kept, live := subscribe(t, topics, "kept", nil), subscribe(t, topics, "live:x", nil)
		time.Sleep(time.Second)
		publish(t, topics, "kept", "1")
		if err := topics.Post("live:x", topic.Message{Event: "n", Data: []byte("1")}, nil); err != nil {
			t.Fatal(err)
		}
		names := topics.Names()
		for _, name := range append(names, "nobody") {
			topics.Stale(name, time.Now())
		}
		publish(t, topics, "kept", "2")
		publish(t, topics, "live:x", "2")
		time.Sleep(time.Second)
		if kept.heard() != "joined@0 1 stale 2" || live.heard() != "joined@0 1 stale 2" || topics.Len() != 2 {
			t.Errorf("kept %s, live %s, %d actors", kept.heard(), live.heard(), topics.Len())
		}
	})
}

// A topic whose mailbox is full is told when it is not.
func TestStaleWhenFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{Policies: []topic.Policy{{History: -1}}})
		gate := make(chan struct{})
		r := subscribe(t, topics, "live", nil)
		time.Sleep(time.Second)
		r.onDel = func() { <-gate }
		var err error
		for err == nil {
			err = topics.Post("live", topic.Message{Event: "n"}, nil)
		}
		if !errors.Is(err, topic.ErrOverloaded) {
			t.Fatal(err)
		}
		topics.Stale("live", time.Now())
		close(gate)
		time.Sleep(time.Second)
		if !strings.HasSuffix(r.heard(), " stale") {
			t.Errorf("heard ...%s", r.heard()[len(r.heard())-40:])
		}
	})
}
