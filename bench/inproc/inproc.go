//go:build linux

package inproc

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"

	"os"
)

// A Task is what a program is asked for.
type Task struct {
	Program string `json:"program"` // "topics", "publish", or over Redis "append", "relay"
	Count   int    `json:"count"`   // how many topics, or publishes
	History bool   `json:"history"`
	Payload int    `json:"payload"` // bytes

	// Programs over Redis run for a time, with a window of publishes in flight.
	Window int    `json:"window,omitempty"`
	Millis int    `json:"millis,omitempty"` // of the measured part
	Redis  string `json:"redis,omitempty"`  // host:port
}

// Run does the task and returns its figures.
func Run(ctx context.Context, t Task) (map[string]float64, error) {
	switch t.Program {
	case "topics":
		return liveTopics(ctx, t)
	case "publish":
		return publishTyped(ctx, t)
	case "append":
		return appendKept(ctx, t)
	case "relay":
		return relayed(ctx, t)
	}
	return nil, fmt.Errorf("inproc: no program %q", t.Program)
}

// start returns topics that one policy governs, and what ends them.
func start(p topic.Policy) (*topic.Topics, func(), error) {
	system := actors.NewSystem(actors.Config{})
	topics, err := topic.Start(topic.Config{
		System:   system,
		Log:      memstore.New(memstore.Config{}),
		Policies: []topic.Policy{p},
	})
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = system.Close(ctx) // the process ends next
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("inproc: start topics: %w", err)
	}
	return topics, stop, nil
}

// memory is what the process holds after a collection, in bytes.
func memory() (heap, resident float64) {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss, err := proc.RSS(os.Getpid())
	if err != nil {
		rss = 0
	}
	return float64(m.HeapAlloc), float64(rss)
}

func allocations() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}

// waitFor returns when done, or with an error that says what did not happen.
func waitFor(ctx context.Context, within time.Duration, what string, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s: %s", within, what))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("inproc: %w", context.Cause(ctx))
		}
	}
	return nil
}
