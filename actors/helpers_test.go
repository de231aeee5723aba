package actors_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A note is the message of most tests: what to do, and whom to answer.
type note struct {
	n     int
	do    func(c *actors.Context[note], p *probe)
	reply actors.Reply[int]
	dead  func(error)
}

// Refuse implements actors.Refuser.
func (m note) Refuse(err error) {
	m.reply.Fail(err)
	if m.dead != nil {
		m.dead(err)
	}
}

// A probe is a Behavior that records what it sees. Hooks left nil do nothing.
type probe struct {
	key string

	mu      sync.Mutex // for tests that look while the actor lives
	handled []int
	notices []any

	onStart   func(c *actors.Context[note], p *probe)
	onHandle  func(c *actors.Context[note], p *probe, m note)
	onFlush   func(c *actors.Context[note], p *probe)
	onStop    func(p *probe, reason error)
	mayRetire func() bool
}

func (p *probe) Start(c *actors.Context[note]) {
	if p.onStart != nil {
		p.onStart(c, p)
	}
}

func (p *probe) Handle(c *actors.Context[note], m note) {
	if m.do != nil {
		m.do(c, p)
	}
	p.mu.Lock()
	p.handled = append(p.handled, m.n)
	p.mu.Unlock()
	if p.onHandle != nil {
		p.onHandle(c, p, m)
	}
	m.reply.Send(len(p.handled))
}

func (p *probe) Flush(c *actors.Context[note]) {
	if p.onFlush != nil {
		p.onFlush(c, p)
	}
}

func (p *probe) Stop(_ *actors.Context[note], reason error) {
	if p.onStop != nil {
		p.onStop(p, reason)
	}
}

func (p *probe) MayPassivate() bool { return p.mayRetire == nil || p.mayRetire() }

func (p *probe) HandleNotice(_ *actors.Context[note], notice any) {
	p.mu.Lock()
	p.notices = append(p.notices, notice)
	p.mu.Unlock()
}

// seen returns what the probe has handled and which notices it was shown.
func (p *probe) seen() (handled []int, notices []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.handled), slices.Clone(p.notices)
}

// start returns a system that is closed, well within a minute, when the test ends.
func start(t testing.TB, cfg actors.Config) *actors.System {
	t.Helper()
	s := actors.NewSystem(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// keep returns a keeper of probes set up by init, which may be nil.
func keep(t testing.TB, s *actors.System, kind actors.Kind[note], init func(p *probe)) *actors.Keeper[note] {
	t.Helper()
	kind.Name = "probe"
	kind.New = func(key string) actors.Behavior[note] {
		p := &probe{key: key}
		if init != nil {
			init(p)
		}
		return p
	}
	return actors.NewKeeper(s, kind)
}

func ask(ctx context.Context, k *actors.Keeper[note], key string, m note) (int, error) {
	return actors.Ask(ctx, k, key, func(r actors.Reply[int]) note { m.reply = r; return m })
}

// tell fails the test when Tell fails.
func tell(t testing.TB, k *actors.Keeper[note], key string, m note) {
	t.Helper()
	if err := k.Tell(key, m); err != nil {
		t.Fatalf("tell %q: %v", key, err)
	}
}
