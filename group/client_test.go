package group_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic"
)

// join has a client enter, and waits until it has the first frames.
func (n *node) join(t testing.TB, name, identity, role string) *client {
	t.Helper()
	c := newClient(identity)
	c.enter(t, n, name, role)
	if _, err := c.answer(t); err != nil {
		t.Fatalf("%s joins: %v", identity, err)
	}
	select {
	case <-c.began:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s was sent nothing", identity)
	}
	return c
}

// A client is an Outlet with one receiver, itself, that writes down what it hears.
type client struct {
	identity string
	data     string
	answers  chan answer
	began    chan struct{}

	mu    sync.Mutex
	words []string // short
	wire  []string // as sent
	order []string // answered, joined, left, closed
}

type answer struct {
	role string
	err  error
}

func newClient(identity string) *client {
	return &client{identity: identity, answers: make(chan answer, 100), began: make(chan struct{}, 100)}
}

func (c *client) joiner(role string) group.Joiner {
	return group.Joiner{Outlet: c, Receiver: c, Identity: c.identity, Role: role, Data: json.RawMessage(c.data),
		Connection: fmt.Sprintf("%p", c)}
}

func (c *client) enter(t testing.TB, n *node, name, role string) {
	t.Helper()
	err := n.Enter(name, c.joiner(role), func(role string, err error) {
		c.note("answered")
		c.answers <- answer{role, err}
	})
	if err != nil {
		t.Fatalf("%s enters: %v", c.identity, err)
	}
}

func (c *client) answer(t testing.TB) (string, error) {
	t.Helper()
	select {
	case a := <-c.answers:
		return a.role, a.err
	case <-time.After(30 * time.Second):
		t.Fatalf("%s was not answered", c.identity)
		return "", nil
	}
}

func (c *client) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = append(c.order, what)
}

func (c *client) Deliver(_ string, b *topic.Batch)          { c.take(b.Events) }
func (c *client) DeliverTo(_ string, _ any, b *topic.Batch) { c.take(b.Events) }
func (c *client) Left(string, any)                          { c.note("left") }
func (c *client) Closed(string, error)                      { c.note("closed") }
func (c *client) Joined(_ string, _ any, j topic.Joined) {
	if j.Err != nil {
		c.note("refused")
		return
	}
	c.note("joined")
	if j.Missed != nil {
		c.take(j.Missed.Events)
	}
	c.began <- struct{}{}
}

// take writes events down: the group's own as "join ann admin 2", others with a colon.
func (c *client) take(events []*topic.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range events {
		c.wire = append(c.wire, string(e.JSON()))
		c.words = append(c.words, short(e))
	}
}

func short(e *topic.Event) string {
	var frame struct {
		Data   json.RawMessage
		System bool
	}
	if err := json.Unmarshal(e.JSON(), &frame); err != nil {
		return fmt.Sprintf("not JSON: %s", e.JSON())
	}
	if !frame.System {
		return fmt.Sprintf(":%s %s", e.Name(), frame.Data)
	}
	var one struct {
		Key, Role string
		Count     int
	}
	var many []group.Member
	if json.Unmarshal(frame.Data, &many) == nil && e.Name() == group.EventMembers {
		var keys []string
		for _, m := range many {
			keys = append(keys, m.Key)
		}
		slices.Sort(keys)
		return "members " + strings.Join(keys, ",")
	}
	if e.Name() == group.EventClose {
		return "close " + string(frame.Data)
	}
	_ = json.Unmarshal(frame.Data, &one)
	return fmt.Sprintf("%s %s %s %d", e.Name(), one.Key, one.Role, one.Count)
}

func (c *client) heard() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.words)
}

// hears waits until the client has heard exactly this, since the last forget.
func (c *client) hears(w *world, want ...string) {
	w.Helper()
	w.eventually(c.identity+" hears", func() error {
		if got := c.heard(); !slices.Equal(got, want) {
			return fmt.Errorf("heard %.300q, want %.300q", got, want)
		}
		return nil
	})
}

func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.words, c.wire, c.order = nil, nil, nil
}
