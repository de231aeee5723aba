//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress tells a person what is going on: on a terminal in one line that
// changes, otherwise every ten seconds. Its methods are safe for concurrent use.
type progress struct {
	terminal bool
	began    time.Time

	mu   sync.Mutex
	out  io.Writer
	told time.Time
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) tell(x *scene) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal && time.Since(p.told) < 10*time.Second {
		return
	}
	p.told = time.Now()
	delivered := 0
	for _, u := range x.subscribers {
		delivered += u.delivered()
	}
	start, end := "", "\n"
	if p.terminal {
		start, end = "\r\x1b[K", ""
	}
	fmt.Fprintf(p.out, "%s%5.0f s  %d of %d acknowledged, %d delivered%s", start,
		time.Since(p.began).Seconds(), x.acked(), x.settings.messages, delivered, end)
}

// log tells what is done to the scene.
func (p *progress) log(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start := ""
	if p.terminal {
		start = "\r\x1b[K"
	}
	fmt.Fprintf(p.out, "%s%5.1f s  %s\n", start, time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}
