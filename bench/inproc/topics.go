//go:build linux

package inproc

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/topic"
)

const mib = 1 << 20

// liveTopics spawns topics by publishing to each once, lets them fall idle, and
// looks at memory before, while all of them live, and after.
func liveTopics(ctx context.Context, t Task) (map[string]float64, error) {
	// Long enough that none retires while others are spawned and counted.
	idle := 2*time.Second + time.Duration(t.Count)*30*time.Microsecond
	topics, stop, err := start(topic.Policy{Match: "*", History: -1, Idle: idle})
	if err != nil {
		return nil, err
	}
	defer stop()
	heapBefore, rssBefore := memory()

	began := time.Now()
	if err := spawn(ctx, topics, t.Count); err != nil {
		return nil, err
	}
	spawning := time.Since(began)
	heapPeak, rssPeak := memory()
	if alive := topics.Len(); alive != t.Count {
		return nil, fmt.Errorf("inproc: %d of %d topics live after %s, some retired before they were counted",
			alive, t.Count, time.Since(began))
	}

	if err := waitFor(ctx, 2*idle+5*time.Minute, "all topics retire", func() bool { return topics.Len() == 0 }); err != nil {
		return nil, err
	}
	retired := time.Since(began) - spawning
	debug.FreeOSMemory()
	heapAfter, rssAfter := memory()
	n := float64(t.Count)
	return map[string]float64{
		report.SpawnsPerS: n / spawning.Seconds(),
		report.RetireSec:  retired.Seconds(),
		report.TopicHeap:  (heapPeak - heapBefore) / n,
		report.TopicRSS:   (rssPeak - rssBefore) / n,
		report.HeapBefore: heapBefore / mib, report.HeapPeak: heapPeak / mib, report.HeapAfter: heapAfter / mib,
		report.RSSBefore: rssBefore / mib, report.RSSPeak: rssPeak / mib, report.RSSAfter: rssAfter / mib,
	}, nil
}

func spawn(ctx context.Context, topics *topic.Topics, n int) error {
	for i := range n {
		name := "room:" + strconv.Itoa(i)
		if err := topics.Post(name, topic.Message{Event: "m", Data: []byte("1"), Checked: true}, nil); err != nil {
			return fmt.Errorf("inproc: spawn topic %d: %w", i, err)
		}
		if i%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("inproc: spawn: %w", context.Cause(ctx))
		}
	}
	return waitFor(ctx, time.Minute, "all topics live", func() bool { return topics.Len() == n })
}
