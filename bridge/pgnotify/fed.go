package pgnotify

import (
	"slices"
	"sync"

	"github.com/troupe-rt/troupe/topic"
)

// maxFed bounds the topics that a channel is remembered to have fed.
const maxFed = 1 << 16

// fed knows the topics whose receivers are told when notifications may have been missed.
type fed struct {
	feeds  []string
	all    bool // whatever it is
	system bool // those of the system's too

	mu    sync.Mutex
	names map[string]struct{}
	order []string // of names, a ring once it is full
	next  int
}

func (f *fed) init(ch Channel, leads bool) {
	f.feeds, f.all = ch.Feeds, leads && len(ch.Feeds) == 0
	f.system = ch.AllowSystem
	f.names = make(map[string]struct{})
}

// add remembers a topic; beyond maxFed in place of the one that came first.
func (f *fed) add(name string) {
	if f.all {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.names[name]; known {
		return
	}
	f.names[name] = struct{}{}
	if len(f.order) < maxFed {
		f.order = append(f.order, name)
		return
	}
	delete(f.names, f.order[f.next])
	f.order[f.next] = name
	f.next = (f.next + 1) % maxFed
}

// has reports whether a topic is one of them.
func (f *fed) has(name string) bool {
	f.mu.Lock()
	_, known := f.names[name]
	nothing := len(f.names) == 0 && len(f.feeds) == 0 // anything may have been fed before this node listened
	f.mu.Unlock()
	if known || !f.system && topic.IsSystem(name) {
		return known
	}
	return f.all || nothing || slices.ContainsFunc(f.feeds, func(p string) bool { return topic.Match(p, name) })
}
