package outbox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// TestOutages breaks the database while orders are sold. What is saved is announced once and in order, and nothing else.
func TestOutages(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(t *testing.T, s *shop){
		"connections killed": func(t *testing.T, s *shop) {
			for range 6 {
				s.server.KillClients(t)
				s.sellMore(t, 50)
			}
		},
		"restarted": func(t *testing.T, s *shop) {
			s.server.Stop(t)
			s.server.Run(t)
		},
		"server killed": func(t *testing.T, s *shop) {
			s.server.Kill()
			s.server.Run(t)
		},
		"hangs": func(t *testing.T, s *shop) {
			s.server.Pause()
			<-time.After(3 * time.Second)
			s.server.Resume()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t)
			for _, topics := range s.nodes {
				start(t, s.db, topics)
			}
			s.sell(t)
			s.sellMore(t, 100)
			trouble(t, s)
			s.sellMore(t, 100)
			s.mustMatch(t)
		})
	}
}

// TestLeaders has two forwarders take turns: one leads, and when it is lost between publish and delete the other repeats what it
// did not write down, which topics recognize.
func TestLeaders(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	proxies := make([]*pgtest.Proxy, 2)
	forwarders := make([]*outbox.Forwarder, 2)
	for i, topics := range s.nodes {
		proxies[i] = pgtest.StartProxy(t, s.server.Addr())
		db := pgtest.Open(t, proxies[i].URL(s.url), pgdb.Config{Node: fmt.Sprint(i)})
		forwarders[i] = start(t, db, topics, func(c *outbox.Config) { c.Batch = 20 })
	}
	s.sell(t)
	for range 6 {
		leader := -1
		pgtest.Eventually(t, soon, "one leads", func() error {
			a, b := forwarders[0].State(), forwarders[1].State()
			if a.Leader == b.Leader {
				return fmt.Errorf("leaders: %t and %t", a.Leader, b.Leader)
			}
			if leader = 0; b.Leader {
				leader = 1
			}
			return nil
		})
		s.sellMore(t, 30)
		proxies[leader].LoseAnswer()
		s.sellMore(t, 30)
		proxies[leader].Heal(t)
	}
	s.mustMatch(t)
}

// TestZombie has a leader lose its connection while a topic still has what it was given, and deliver it when another leads.
func TestZombie(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	first := &gate{Topics: s.nodes[0], open: make(chan struct{})}
	proxy := pgtest.StartProxy(t, s.server.Addr())
	zombie := start(t, pgtest.Open(t, proxy.URL(s.url), pgdb.Config{}), first)
	pgtest.Eventually(t, soon, "it leads", func() error { return leads(zombie, true) })
	s.sell(t)
	s.sellMore(t, 50)
	start(t, s.db, s.nodes[1])
	proxy.Refuse()
	s.sellMore(t, 50)
	close(first.open)
	s.sellMore(t, 50)
	s.mustMatch(t)
}

// A gate holds posts back until it opens.
type gate struct {
	outbox.Topics
	open chan struct{}
}

func (g *gate) Post(name string, m topic.Message, done func(topic.Receipt, error)) error {
	select {
	case <-g.open:
		return g.Topics.Post(name, m, done)
	default:
	}
	go func() {
		<-g.open
		if err := g.Topics.Post(name, m, done); err != nil {
			done(topic.Receipt{}, err)
		}
	}()
	return nil
}

// TestStandStill has a leader's host fall silent, which the server finds out.
func TestStandStill(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	proxy := pgtest.StartProxy(t, pgtest.Shared(t).Addr())
	silent := start(t, pgtest.Open(t, proxy.URL(url), pgdb.Config{}), newFake())
	pgtest.Eventually(t, soon, "it leads", func() error { return leads(silent, true) })
	proxy.Hang()
	topics := newFake()
	start(t, db, topics)
	publish(t, connect(t, url), "room", "a")
	pgtest.Eventually(t, time.Minute, "another leads", func() error {
		if got := topics.have(); len(got) != 1 {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	proxy.Heal(t)
}

// TestClose has Close wait for what topics were given, and write it down.
func TestClose(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.hold = func(string) bool { return true }
	f := start(t, db, topics)
	publish(t, connect(t, url), "room", "a")
	topics.mustGet(t, "room a")
	closed := make(chan error, 1)
	go func() { closed <- f.Close(context.Background()) }()
	select {
	case err := <-closed:
		t.Fatalf("closed without an answer: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	topics.mu.Lock()
	topics.held[0]()
	topics.mu.Unlock()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	mustBe(t, db, 0, 0)
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCloseNow has Close not wait.
func TestCloseNow(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.hold = func(string) bool { return true }
	f := start(t, db, topics)
	publish(t, connect(t, url), "room", "a")
	topics.mustGet(t, "room a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Close(ctx); err == nil || !strings.Contains(err.Error(), "outbox: close") {
		t.Errorf("got %v", err)
	}
	again := newFake()
	start(t, db, again)
	again.mustGet(t, "room a")
}
