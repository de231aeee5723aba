package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A cluster is some agents on one registry, in a bubble.
type cluster struct {
	t        *testing.T
	registry *lease.MemRegistry
	port     lease.Registry // what the nodes reach
	nodes    map[string]*node

	mu    sync.Mutex
	hang  bool // cleanups do not end
	clean []cleanup
}

type cleanup struct {
	by    string
	dead  lease.Member
	fence uint64
	at    time.Time
}

// A node is an agent, its way to the registry, and what its listeners were told.
type node struct {
	c     *cluster
	id    string
	port  *port
	agent *lease.Agent

	mu   sync.Mutex
	told []string
	read int
}

func inBubble(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := lease.NewMemRegistry()
		c := &cluster{t: t, registry: r, port: r, nodes: map[string]*node{}}
		defer c.close()
		test(t, c)
	})
}

func (c *cluster) start(id string) *node {
	c.t.Helper()
	n := &node{c: c, id: id, port: newPort(c.port)}
	var err error
	n.agent, err = lease.Start(c.t.Context(), lease.Config{Registry: n.port, Self: lease.Member{ID: id},
		Logger: slog.New(slog.NewTextHandler(c.t.Output(), nil))})
	if err != nil {
		c.t.Fatal(err)
	}
	n.agent.OnChange(func(ch lease.Change) { n.note(string(ch.Kind) + " " + ch.Member.ID) })
	n.agent.OnLost(func(old, new lease.Member) { n.note("lost " + old.Incarnation + " " + new.Incarnation) })
	n.agent.OnEmptied(func() { n.note("emptied") })
	n.agent.OnCleanup(func(ctx context.Context, dead lease.Member, fence uint64) error {
		c.mu.Lock()
		c.clean = append(c.clean, cleanup{id, dead, fence, time.Now()})
		hang := c.hang
		c.mu.Unlock()
		if hang {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return nil
	})
	c.nodes[id] = n
	return n
}

func (c *cluster) close() {
	c.outage(false, false)
	for _, n := range c.nodes {
		n.port.pause(false)
		n.close()
	}
	synctest.Wait()
}

func (c *cluster) cleanups() []cleanup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.clean)
}

// outage takes the registry from all nodes, or gives it back.
func (c *cluster) outage(on, hang bool) {
	for _, p := range c.ports() {
		p.fail(on, hang)
	}
}

func (c *cluster) ports() []*port {
	var all []*port
	for _, n := range c.nodes {
		all = append(all, n.port)
	}
	return all
}

func (n *node) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, what)
}

// saw checks what was told since it was last called.
func (n *node) saw(want ...string) {
	n.c.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.told[n.read:]
	n.read = len(n.told)
	if !slices.Equal(got, want) {
		n.c.t.Errorf("%s was told %q, want %q", n.id, got, want)
	}
}

func (n *node) count(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, told := range n.told {
		if told == what {
			count++
		}
	}
	return count
}

func (n *node) members() []string {
	var all []string
	for _, l := range n.agent.Members() {
		all = append(all, l.ID+" "+string(l.State))
	}
	return all
}

// mustBeUndisturbed checks that of so many members none came or went since all joined.
func (n *node) mustBeUndisturbed(members int) {
	n.c.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.told) != members-1 {
		n.c.t.Errorf("%s was told %q, want that the others joined", n.id, n.told)
	}
	for _, l := range n.agent.Members() {
		if l.State != lease.Alive {
			n.c.t.Errorf("%s sees %s %s", n.id, l.ID, l.State)
		}
	}
}

// kill ends a node without a word.
func (n *node) kill() {
	n.port.fail(true, false)
	n.close()
}

func (n *node) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := n.agent.Close(ctx)
	if err != nil && !n.port.everDown() {
		n.c.t.Errorf("close %s: %v", n.id, err)
	}
}

var errDown = errors.New("down")

// A port is a node's way to the registry. It can be broken.
type port struct {
	lease.Registry
	mu     sync.Mutex
	down   bool
	fell   bool // was down ever
	hang   bool
	resume chan struct{} // closed unless the process is paused
}

func newPort(r lease.Registry) *port {
	p := &port{Registry: r, resume: make(chan struct{})}
	close(p.resume)
	return p
}

func (p *port) fail(down, hang bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.hang, p.fell = down, hang, p.fell || down
}

func (p *port) everDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fell
}

// pause stops every call where it stands, whatever its deadline.
func (p *port) pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.resume:
		if on {
			p.resume = make(chan struct{})
		}
	default:
		if !on {
			close(p.resume)
		}
	}
}

func (p *port) pass(ctx context.Context) error {
	p.mu.Lock()
	down, hang, resume := p.down, p.hang, p.resume
	p.mu.Unlock()
	<-resume
	if down && hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errDown
	}
	return nil
}

func (p *port) Renew(ctx context.Context, r lease.Renewal) (lease.View, error) {
	if err := p.pass(ctx); err != nil {
		return lease.View{}, err
	}
	return p.Registry.Renew(ctx, r)
}

func (p *port) Leave(ctx context.Context, self lease.Member) error {
	if err := p.pass(ctx); err != nil {
		return err
	}
	return p.Registry.Leave(ctx, self)
}

func (p *port) Claim(ctx context.Context, c lease.Claim) (uint64, error) {
	if err := p.pass(ctx); err != nil {
		return 0, err
	}
	return p.Registry.Claim(ctx, c)
}

func (p *port) Done(ctx context.Context, dead lease.Member, fence uint64) error {
	if err := p.pass(ctx); err != nil {
		return err
	}
	return p.Registry.Done(ctx, dead, fence)
}
