//go:build linux

package inproc

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/topic"
)

// cursorMoves measures how many moves of t.Window cursors one node takes in while another
// shows them, and how many frames that takes there. In the end the other node has to show where
// each cursor is.
func cursorMoves(ctx context.Context, t Task) (map[string]float64, error) {
	here, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	there, err := startNode(ctx, t, "b")
	if err != nil {
		return nil, err
	}
	defer there.Close()
	b := &board{joined: make(chan error, 1), at: map[string]string{}}
	if err := there.Cursors().Attach(room, b, b); err != nil {
		return nil, err
	}
	if err := <-b.joined; err != nil {
		return nil, err
	}
	m := &meter{}
	last := make([]string, t.Window)
	began := time.Now()
	figures, err := m.run(ctx, t, runtime.GOMAXPROCS(0), func(measured context.Context, w int) error {
		for n := 0; measured.Err() == nil; n++ {
			for i := w; i < t.Window; i += runtime.GOMAXPROCS(0) {
				at := `{"x":` + strconv.Itoa(n) + `,"y":` + strconv.Itoa(i) + `}`
				if err := here.Cursors().Move(room, cursor.Mover{Key: "m" + strconv.Itoa(i)}, json.RawMessage(at)); err != nil {
					return err
				}
				last[i] = at
				m.done(time.Now())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	figures[report.FramesPerS] = float64(b.frames.Load()) / time.Since(began).Seconds()
	delete(figures, report.P50) // a move is not waited for
	delete(figures, report.P99)
	return figures, waitFor(ctx, settleWithin, "the other node shows where every cursor is", func() bool { return b.shows(last) })
}

// A board is a receiver that keeps where the cursors are.
type board struct {
	joined chan error
	frames atomic.Int64

	mu sync.Mutex
	at map[string]string
}

func (b *board) shows(last []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, want := range last {
		if b.at["m"+strconv.Itoa(i)] != want {
			return false
		}
	}
	return true
}

// take reads what protocol.md §5 says of cursors.
func (b *board) take(batch *topic.Batch) {
	type place struct {
		Key  string          `json:"key"`
		Data json.RawMessage `json:"data"`
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range batch.Events {
		b.frames.Add(1)
		var all []place
		if err := json.Unmarshal(e.Data(), &all); err != nil {
			var one place
			if json.Unmarshal(e.Data(), &one) != nil || e.Name() == "remove" {
				continue
			}
			all = []place{one}
		}
		for _, p := range all {
			b.at[p.Key] = string(p.Data)
		}
	}
}

// Deliver implements topic.Outlet.
func (b *board) Deliver(_ string, batch *topic.Batch) { b.take(batch) }

// Joined implements topic.Outlet.
func (b *board) Joined(name string, _ any, j topic.Joined) {
	if j.Missed != nil {
		b.take(j.Missed)
	}
	if j.Err != nil {
		j.Err = fmt.Errorf("join %s: %w", name, j.Err)
	}
	b.joined <- j.Err
}

// Left implements topic.Outlet.
func (b *board) Left(string, any) {}

// Closed implements topic.Outlet.
func (b *board) Closed(string, error) {}
