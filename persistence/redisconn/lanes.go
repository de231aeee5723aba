package redisconn

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// maxLanes bounds how many nodes of a Cluster have lanes of their own, over all
// the time of a Conn; further nodes share one.
const maxLanes = 64

// lanes are one lane for a server, or one for each node of a Cluster, so that a
// node that hangs holds up nobody's commands but its own.
type lanes struct {
	cluster *redis.ClusterClient // nil: one server
	open    func() *lane
	only    *lane // for one server, and for commands without a key

	mu     sync.RWMutex
	byNode map[string]*lane
	closed bool
}

func newLanes(client redis.UniversalClient, open func() *lane) *lanes {
	cluster, _ := client.(*redis.ClusterClient)
	return &lanes{cluster: cluster, open: open, only: open(), byNode: map[string]*lane{}}
}

// of returns the lane for a command. Where a command turns out to belong to
// another node it gets there all the same: go-redis sees to that.
func (ls *lanes) of(ctx context.Context, cmd redis.Cmder) *lane {
	if ls.cluster == nil {
		return ls.only
	}
	key, ok := keyOf(cmd.Args())
	if !ok {
		return ls.only
	}
	node, err := ls.cluster.MasterForKey(ctx, key)
	if err != nil {
		return ls.only
	}
	addr := node.Options().Addr
	ls.mu.RLock()
	l := ls.byNode[addr]
	ls.mu.RUnlock()
	if l != nil {
		return l
	}
	return ls.add(addr)
}

func (ls *lanes) add(addr string) *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.byNode[addr]; l != nil {
		return l
	}
	if ls.closed || len(ls.byNode) >= maxLanes {
		return ls.only
	}
	l := ls.open()
	ls.byNode[addr] = l
	return l
}

func (ls *lanes) each(f func(*lane)) {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	f(ls.only)
	for _, l := range ls.byNode {
		f(l)
	}
}

func (ls *lanes) close() {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.each((*lane).close)
}

// keyOf guesses a command's key, which is its first argument but for scripts.
func keyOf(args []any) (string, bool) {
	if len(args) < 2 {
		return "", false
	}
	at := 1
	name, _ := args[0].(string)
	if len(name) >= 4 && (strings.EqualFold(name[:4], "eval") || strings.EqualFold(name, "fcall")) {
		if at = 3; len(args) <= at {
			return "", false
		}
	}
	key, ok := args[at].(string)
	return key, ok
}

// sizeOf is about how many bytes a command takes on its way.
func sizeOf(args []any) int {
	size := 16
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
		size += 16
	}
	return size
}
