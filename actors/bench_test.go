package actors_test

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// What does the way to an actor and back cost, and what does an actor that does
// nothing?

// A counter is the cheapest useful actor: 200 bytes of state.
type counter struct {
	n     int
	state [192]byte
}

type count struct {
	n     int
	reply actors.Reply[int]
}

func (m count) Refuse(err error) { m.reply.Fail(err) }

func (c *counter) Start(*actors.Context[count]) {}
func (c *counter) Handle(_ *actors.Context[count], m count) {
	c.n += m.n
	c.state[0]++
	m.reply.Send(c.n)
}
func (c *counter) Flush(*actors.Context[count])       {}
func (c *counter) Stop(*actors.Context[count], error) {}

func counters(b *testing.B, kind actors.Kind[count]) *actors.Keeper[count] {
	s := actors.NewSystem(actors.Config{})
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	kind.Name, kind.New = "counter", func(string) actors.Behavior[count] { return new(counter) }
	b.ReportAllocs()
	return actors.NewKeeper(s, kind)
}

// settle waits until the actor of key has handled all it was told.
func settle(b *testing.B, k *actors.Keeper[count], key string) {
	for {
		_, err := actors.Ask(context.Background(), k, key, func(r actors.Reply[int]) count { return count{reply: r} })
		if err == nil {
			return
		}
		if err != actors.ErrFull {
			b.Fatal(err)
		}
		runtime.Gosched()
	}
}

// tellAll tells n messages and gives way when the mailbox is full.
func tellAll(b *testing.B, tell func() error) {
	for tell() == actors.ErrFull {
		runtime.Gosched()
	}
}

func BenchmarkTell(b *testing.B) {
	k := counters(b, actors.Kind[count]{})
	for b.Loop() {
		tellAll(b, func() error { return k.Tell("a", count{n: 1}) })
	}
	settle(b, k, "a")
}

func BenchmarkTellRef(b *testing.B) {
	k := counters(b, actors.Kind[count]{})
	ref := k.Ref("a")
	for b.Loop() {
		tellAll(b, func() error { return ref.Tell(count{n: 1}) })
	}
	settle(b, k, "a")
}

func BenchmarkTellParallel(b *testing.B) {
	k := counters(b, actors.Kind[count]{})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tellAll(b, func() error { return k.Tell("a", count{n: 1}) })
		}
	})
	settle(b, k, "a")
}

func BenchmarkTellManyKeys(b *testing.B) {
	k := counters(b, actors.Kind[count]{})
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "room:" + strconv.Itoa(i)
	}
	i := 0
	for b.Loop() {
		key := keys[i%len(keys)]
		i++
		tellAll(b, func() error { return k.Tell(key, count{n: 1}) })
	}
}

func BenchmarkAsk(b *testing.B) {
	k := counters(b, actors.Kind[count]{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for b.Loop() {
		if _, err := actors.Ask(ctx, k, "a", func(r actors.Reply[int]) count { return count{1, r} }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSpawnAndTell(b *testing.B) {
	k := counters(b, actors.Kind[count]{IdleAfter: -1})
	i := 0
	for b.Loop() {
		i++
		if err := k.Tell(strconv.Itoa(i), count{n: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBroadcast10k(b *testing.B) {
	k := counters(b, actors.Kind[count]{IdleAfter: -1})
	for i := range 10_000 {
		_ = k.Tell(strconv.Itoa(i), count{})
	}
	for b.Loop() {
		k.Broadcast(count{n: 1})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/actor")
}

// BenchmarkIdleMemory spawns 1,000,000 actors with 200 bytes of state each, lets
// them rest, retires them, and reports what they cost and what stays behind.
func BenchmarkIdleMemory(b *testing.B) {
	const actorCount = 1_000_000
	for b.Loop() {
		k := counters(b, actors.Kind[count]{IdleAfter: time.Hour})
		before := heap()
		for i := range actorCount {
			if err := k.Tell("topic:"+strconv.Itoa(i), count{n: 1}); err != nil {
				b.Fatal(err)
			}
		}
		for i := range actorCount / 1000 {
			settle(b, k, "topic:"+strconv.Itoa(i*1000))
		}
		actors.Sweep(k, time.Minute)
		actors.Sweep(k, 2*time.Minute) // rests since the first
		b.ReportMetric(float64(heap()-before)/actorCount, "B/actor")
		began := time.Now()
		for now := 2 * time.Hour; k.Len() > 0; now += time.Hour {
			actors.Sweep(k, now)
		}
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/actorCount, "ns/retired")
		b.ReportMetric(float64(int64(heap())-int64(before))/1e6, "MB-left")
		if err := k.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPassivationUnderLoad tells while actors are swept away, and fails if
// one message is lost.
func BenchmarkPassivationUnderLoad(b *testing.B) {
	const keys = 50
	var told, handled, retired atomic.Int64
	s := actors.NewSystem(actors.Config{})
	k := keep(b, s, actors.Kind[note]{IdleAfter: time.Hour, MaxQueue: 1 << 24}, func(p *probe) {
		p.onStop = func(p *probe, _ error) { handled.Add(int64(len(p.handled))); retired.Add(1) }
	})
	done := make(chan struct{})
	swept := make(chan struct{})
	go func() { sweepUntil(k, done); close(swept) }()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if err := k.Tell(strconv.Itoa(n%keys), note{}); err != nil {
				b.Error(err)
			}
			told.Add(1)
			if n%16 == 0 {
				runtime.Gosched()
			}
		}
	})
	close(done)
	<-swept
	if err := s.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	if told.Load() != handled.Load() {
		b.Fatalf("handled %d of %d", handled.Load(), told.Load())
	}
	b.ReportMetric(float64(retired.Load()), "activations")
}
