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
	Program string `json:"program"` // a name of programs
	Count   int    `json:"count"`   // how many topics, or publishes
	History bool   `json:"history"`
	Payload int    `json:"payload"` // bytes

	// Programs over Redis or Postgres run for a time, with a window of publishes in flight.
	Window   int    `json:"window,omitempty"`
	Millis   int    `json:"millis,omitempty"`   // of the measured part
	Redis    string `json:"redis,omitempty"`    // host:port
	Postgres string `json:"postgres,omitempty"` // URL, in place of Redis
	Room     int    `json:"room,omitempty"`     // members who are there
	Keys     int    `json:"keys,omitempty"`     // of a limit
	Topics   int    `json:"topics,omitempty"`   // that are appended to; 0: one
}

// programs are what a Task may ask for. The first two need no backend.
var programs = map[string]func(context.Context, Task) (map[string]float64, error){
	"topics":        liveTopics,
	"publish":       publishTyped,
	"append":        appendKept,
	"relay":         relayed,
	"notify":        notified,
	"presence":      presencePairs,
	"mass-leave":    massLeave,
	"group":         groupPairs,
	"limit":         consumed,
	"limit-refused": consumed,
	"limit-leased":  consumed,
	"cursors":       cursorMoves,
}

// Run does the task and returns its figures.
func Run(ctx context.Context, t Task) (map[string]float64, error) {
	if run, ok := programs[t.Program]; ok {
		return run(ctx, t)
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
