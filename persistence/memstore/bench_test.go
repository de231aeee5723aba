package memstore

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/troupe-rt/troupe/topic"
)

// What does a topic cost that was appended to once?
func BenchmarkBytesPerTopic(b *testing.B) {
	for b.Loop() {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		const topics = 1_000_000
		before := heap()
		s := New(Config{MaxBytes: 4 << 30})
		data := []byte(`{"text":"hello"}`)
		for i := range topics {
			put(b, s, "room:"+strconv.Itoa(i), topic.Entry{Name: "created", Data: data})
		}
		full := heap() - before
		b.ReportMetric(float64(full)/topics, "bytes/topic")
		b.ReportMetric(float64(s.Bytes())/topics, "estimated-bytes/topic")
		for i := range topics {
			if err := s.Clear(b.Context(), "room:"+strconv.Itoa(i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before), "bytes-after-clear")
		runtime.KeepAlive(s)
	}
}

// What does one Append cost, for a batch of one and of many, where records are
// pushed out all the time?
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := New(Config{})
			batch := make([]topic.Entry, size)
			for i := range batch {
				batch[i] = topic.Entry{Name: "created", Data: []byte(`{"text":"hello"}`)}
			}
			b.ReportAllocs()
			for b.Loop() {
				put(b, s, "t", batch...)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/event")
		})
	}
}

// What does remembering identifiers add?
func BenchmarkAppendWithID(b *testing.B) {
	s := New(Config{})
	ids := make([]string, 1<<20)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		put(b, s, "t", topic.Entry{ID: ids[i%len(ids)], Name: "created"})
		i++
	}
}

// What does it cost a client to catch up on ten events of a thousand?
func BenchmarkRead(b *testing.B) {
	s := New(Config{})
	put(b, s, "t", make([]topic.Entry, 1000)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Read(context.Background(), "t", 990, 100, plenty); err != nil {
			b.Fatal(err)
		}
	}
}

// What does an append cost where each one evicts a topic?
func BenchmarkAppendEvicting(b *testing.B) {
	s := New(Config{MaxTopics: 10_000})
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		put(b, s, strconv.Itoa(i), topic.Entry{Name: "created"})
		i++
	}
}
