package topic_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-rt/troupe/topic"
)

var payload = []byte(`{"text":"` + strings.Repeat("x", 189) + `"}`)

// What does an acknowledged publish to a topic without receivers cost?
func BenchmarkPublish(b *testing.B) {
	for _, history := range []int{1000, -1} {
		b.Run(fmt.Sprintf("history=%d", history), func(b *testing.B) {
			topics := start(b, topic.Config{Policies: []topic.Policy{{Match: "*", History: history}}})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := topics.Publish(b.Context(), "chat", topic.Message{Event: "n", Data: payload, Checked: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What does one cost that nobody waits for?
func BenchmarkPost(b *testing.B) {
	for _, history := range []int{1000, -1} {
		b.Run(fmt.Sprintf("history=%d", history), func(b *testing.B) {
			topics := start(b, topic.Config{Policies: []topic.Policy{{Match: "*", History: history}}})
			var answered, posted atomic.Int64
			done := func(topic.Receipt, error) { answered.Add(1) }
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					for topics.Post("chat", topic.Message{Event: "n", Data: payload, Checked: true}, done) != nil {
						runtime.Gosched() // full
					}
					posted.Add(1)
				}
			})
			for answered.Load() < posted.Load() {
				runtime.Gosched()
			}
		})
	}
}

// What does it cost to come back with fifty events missed?
func BenchmarkResume(b *testing.B) {
	topics := start(b, topic.Config{})
	for range 1000 {
		publish(b, topics, "chat", string(payload))
	}
	head, err := topics.Head(b.Context(), "chat")
	if err != nil {
		b.Fatal(err)
	}
	since := topic.Position{Epoch: head.Epoch, Seq: head.Seq - 50}
	var o counter
	b.ReportAllocs()
	var n int64
	for b.Loop() {
		n++
		if err := topics.Subscribe("chat", topic.Subscription{Outlet: &o, Receiver: n, Since: &since}); err != nil {
			b.Fatal(err)
		}
		for o.joined.Load() < n {
			runtime.Gosched()
		}
	}
}

type counter struct{ joined atomic.Int64 }

func (c *counter) Deliver(string, *topic.Batch)     {}
func (c *counter) Joined(string, any, topic.Joined) { c.joined.Add(1) }
func (c *counter) Left(string, any)                 {}
func (c *counter) Closed(string, error)             {}
