package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// NTF-07: connections are killed under load. Everything after the reconnect arrives, and each hole is told.
func TestNTF07GapIsTold(t *testing.T) {
	t.Parallel()
	for _, leader := range []bool{false, true} {
		t.Run(fmt.Sprintf("leader=%t", leader), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, pgtest.Shared(t).Database(t))
			cfg, role := Config{Channels: []Channel{{Name: "changes", Leader: leader}}}, "notify"
			if leader {
				role = "notify changes"
			}
			a, b := c.node(cfg), c.node(cfg)
			ears := []*ear{a.listen(t, "live:x"), b.listen(t, "live:x")}
			stop := make(chan struct{})
			sent := numbers(t, c.url, "changes", "live:x", stop)
			for range 5 {
				heard := len(ears[0].all())
				pgtest.Eventually(t, 20*time.Second, "traffic", func() error {
					if n := len(ears[0].all()); n < heard+200 {
						return fmt.Errorf("%d of %d more events", n-heard, 200)
					}
					return nil
				})
				killed := time.Now()
				c.kill(role)
				pgtest.Eventually(t, 20*time.Second, "listeners", func() error {
					again := 0
					for _, n := range []*node{a, b} {
						if s := n.State()[0]; s.Listening && s.Since.After(killed) {
							again++
						}
					}
					if again == 2 || leader && again == 1 {
						return nil
					}
					return fmt.Errorf("%d listen", again)
				})
			}
			close(stop)
			n := <-sent
			c.notify("changes", "live:x", n)
			for i, e := range ears {
				lost := e.wantsStory(t, n, leader)
				t.Logf("node %d: %d sent, %d lost, told %d times", i, n, lost, len(e.staleSince()))
			}
		})
	}
}

// NTF-08: a database that is away when the Bridge starts is waited for, and receivers that came meanwhile are told.
// Who does not want to wait is told why.
func TestNTF08DatabaseIsAwayAtFirst(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	url := s.Database(t)
	p := pgtest.StartProxy(t, s.Addr())
	c := newCluster(t, url)
	for _, leader := range []bool{false, true} {
		db := pgtest.Open(t, p.URL(url), pgdb.Config{})
		p.Refuse()
		n := c.unready(Config{DB: db, Channels: []Channel{{Name: "changes", Leader: leader}}})
		e := n.listen(t, "live:x")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := n.Ready(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "changes") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("ready: %v", err)
		}
		if strings.Contains(fmt.Sprint(err, n.State()), pgtest.Password) {
			t.Error("shows the password")
		}
		c.notify("changes", "live:x", 1)
		p.Heal(t)
		n.ready(t)
		c.notify("changes", "live:x", 2)
		pgtest.Eventually(t, 20*time.Second, "both", func() error {
			if h := e.heard(); h != "stale 2" && h != "stale stale 2" { // the leader may be told by two connections
				return fmt.Errorf("heard %s", h)
			}
			return nil
		})
		closeIn(t, n.Bridge, time.Minute)
	}
}

// NTF-07: a connection that stands but brings nothing is noticed.
func TestNTF07HalfOpen(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	url := s.Database(t)
	p := pgtest.StartProxy(t, s.Addr())
	db := pgtest.Open(t, p.URL(url), pgdb.Config{Timeout: 300 * time.Millisecond})
	c := newCluster(t, url)
	cfg := all("changes")
	cfg.DB, cfg.Keepalive, cfg.MaxWait = db, 500*time.Millisecond, 200*time.Millisecond
	n := c.node(cfg)
	e := n.listen(t, "live:x")
	c.notify("changes", "live:x", 1)
	e.wants(t, "1")

	before := time.Now()
	p.Hang()
	n.eventually(t, "notices", func(s ChannelState) bool { return !s.Listening })
	if took := time.Since(before); took > 3*time.Second {
		t.Errorf("noticed after %s", took)
	}
	c.notify("changes", "live:x", 2)
	p.Cut() // what hung does not come later
	p.Heal(t)
	n.eventually(t, "listens", func(s ChannelState) bool { return s.Listening && s.Gaps > 0 })
	c.notify("changes", "live:x", 3)
	pgtest.Eventually(t, 20*time.Second, "the last", func() error {
		if heard := e.heard(); !strings.HasPrefix(heard, "1 stale") || !strings.HasSuffix(heard, " 3") {
			return fmt.Errorf("heard %s", heard)
		}
		return nil
	})
	if at := e.staleSince()[0]; at.After(before) {
		t.Errorf("told since %s, though it hung from %s", at, before)
	}
}

// NTF-10: three nodes, the leader is killed over and over. Each notification is processed once, and
// every hole is told on every node.
func TestNTF10LeaderKilled(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	c := newCluster(t, s.Database(t))
	cfg := Config{Channels: []Channel{{Name: "changes", Leader: true}}, MaxWait: time.Second}
	nodes := []*node{c.node(cfg), c.node(cfg), c.node(cfg)}
	var ears, kept []*ear
	for _, n := range nodes {
		ears, kept = append(ears, n.listen(t, "live:x")), append(kept, n.listen(t, "kept"))
	}
	stop := make(chan struct{})
	sent := numbers(t, c.url, "changes", "live:x", stop)
	var worst time.Duration
	closed := map[*node]bool{}
	for i := range 2 { // of the three
		l := leader(t, nodes)
		heard := len(ears[0].all())
		pgtest.Eventually(t, 20*time.Second, "traffic", func() error {
			if n := len(ears[0].all()); n < heard+200 {
				return fmt.Errorf("%d more events", n-heard)
			}
			return nil
		})
		before := time.Now()
		closed[l] = true
		if i == 0 {
			l.db.Close() // so that it can not have its place again
			c.kill("notify changes")
			// Standbys were killed too. They are back at once.
		} else {
			closeIn(t, l.Bridge, time.Minute)
		}
		pgtest.Eventually(t, 20*time.Second, "a leader", func() error {
			for _, n := range nodes {
				if !closed[n] && n.State()[0].Listening {
					return nil
				}
			}
			return errors.New("none")
		})
		worst = max(worst, time.Since(before))
	}
	close(stop)
	n := <-sent
	c.notify("changes", "live:x", n)
	c.notify("changes", "kept", 1)
	for i, e := range ears {
		if closed[nodes[i]] {
			continue // it gets events of the others, and learns nothing from the database any more
		}
		lost := e.wantsStory(t, n, true)
		pgtest.Eventually(t, 20*time.Second, "a kept event", func() error {
			if !strings.HasSuffix(kept[i].heard(), "1") {
				return errors.New("is not there")
			}
			return nil
		})
		t.Logf("node %d: %d sent, %d lost, told %d times; takeover %s at worst", i, n, lost, len(e.staleSince()), worst)
	}
	if worst > 3*time.Second {
		t.Errorf("takeover took %s", worst)
	}
}

func leader(t testing.TB, nodes []*node) (l *node) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, "one leader", func() error {
		l = nil
		for _, n := range nodes {
			if n.State()[0].Listening {
				if l != nil {
					return errors.New("two")
				}
				l = n
			}
		}
		if l == nil {
			return errors.New("none")
		}
		return nil
	})
	return l
}

// The server restarts, and dies, under load.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	c := newCluster(t, s.Database(t))
	n := c.node(Config{Channels: []Channel{{Name: "changes", Leader: true}, {Name: "others"}}})
	e, o := n.listen(t, "live:x"), n.listen(t, "live:o")
	for i := range 2 {
		c.notify("changes", "live:x", i)
		c.notify("others", "live:o", i)
		pgtest.Eventually(t, 20*time.Second, "both", func() error {
			if !strings.HasSuffix(e.heard(), strconv.Itoa(i)) || !strings.HasSuffix(o.heard(), strconv.Itoa(i)) {
				return fmt.Errorf("heard %s and %s", e.heard(), o.heard())
			}
			return nil
		})
		if i == 0 {
			s.Stop(t)
		} else {
			s.Kill()
		}
		n.eventually(t, "notices", func(s ChannelState) bool { return !s.Listening && s.LastError != "" })
		s.Run(t)
		c.say = connect(t, c.url)
		n.eventually(t, "listens", func(s ChannelState) bool { return s.Listening && s.Reconnects == uint64(i+1) })
		pgtest.Eventually(t, 20*time.Second, "the other", func() error {
			if st := n.State()[1]; !st.Listening {
				return fmt.Errorf("%+v", st)
			}
			return nil
		})
	}
	c.notify("changes", "live:x", 2)
	if e.wantsStory(t, 2, false); len(e.staleSince()) < 2 {
		t.Errorf("heard %s", e.heard())
	}
}

// A node whose own connection was away while another took the lead tells its receivers by itself.
func TestFollowerWasAway(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	url := s.Database(t)
	p := pgtest.StartProxy(t, s.Addr())
	c := newCluster(t, url)
	cfg := Config{Channels: []Channel{{Name: "changes", Leader: true}}}
	a := c.node(cfg)
	cfg.DB, cfg.MaxWait = pgtest.Open(t, p.URL(url), pgdb.Config{}), 200*time.Millisecond
	b := c.node(cfg)
	e := b.listen(t, "live:x")
	p.Refuse()
	p.Cut()
	p.Refuse()
	b.eventually(t, "away", func(s ChannelState) bool { return !s.Standby })
	c.kill("notify changes")
	a.eventually(t, "leads again", func(s ChannelState) bool { return s.Listening && s.Reconnects == 1 })
	c.notify("changes", "live:x", 1)
	e.wants(t, "1") // by the relay: it does not know yet
	p.Heal(t)
	e.wants(t, "1 stale")
}

// Bridges are ended in the middle of everything.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCluster(t, pgtest.Shared(t).Database(t))
	stop := make(chan struct{})
	sent := numbers(t, c.url, "changes", "live:x", stop)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 3 {
				n := c.unready(Config{Channels: []Channel{{Name: "changes", Leader: i%2 == 0}}})
				closeIn(t, n.Bridge, 10*time.Second)
			}
		})
	}
	wg.Wait()
	close(stop)
	<-sent
	var left int
	err := c.say.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database()
		and application_name like 'troupe - notify%'`).Scan(&left)
	if err != nil || left > 0 {
		t.Errorf("%d connections are left, %v", left, err)
	}
}

// A transaction that notifies very much at once is no reason to take the connection for dead, nor to lose any of it.
func TestBurst(t *testing.T) {
	t.Parallel()
	c := newCluster(t, pgtest.Shared(t).Database(t))
	cfg := all("changes")
	cfg.Keepalive = 50 * time.Millisecond
	cfg.Channels[0].Queue = 64
	n := c.node(cfg)
	const events = 30_000
	out := &counter{want: events, done: make(chan struct{}), joined: make(chan struct{}, 1)}
	if err := n.topics.Subscribe("live:x", topic.Subscription{Outlet: out, Receiver: out}); err != nil {
		t.Fatal(err)
	}
	<-out.joined
	c.exec(`select pg_notify('changes', '{"topic":"live:x","event":"e","data":' || i || '}') from generate_series(1, $1::int) i`, events)
	select {
	case <-out.done:
	case <-time.After(time.Minute):
		t.Errorf("%d of %d arrived", out.n.Load(), events)
	}
	if s := n.State()[0]; s.Reconnects != 0 || s.Gaps != 0 || s.Published != events {
		t.Errorf("state %+v", s)
	}
}
