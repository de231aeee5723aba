package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

var live = topic.Policy{Match: "live:*", History: -1}

// BUS-01, BUS-02, BUS-06: what is published on one node is delivered on all, once,
// and not once more to the publisher's own.
func TestBUS01DeliveredOnAll(t *testing.T) { onPeace(t, testBUS01DeliveredOnAll) }

func testBUS01DeliveredOnAll(t *testing.T, server shared) {
	a, b := pairOn(t, server, live, topic.Policy{})
	for _, name := range []string{"kept", "live:x"} {
		ea, eb := listen(t, a, name), listen(t, b, name)
		for i := range 5 {
			say(t, []*Node{a, b}[i%2], name, fmt.Sprint(i))
			want := strings.Join([]string{"0", "1", "2", "3", "4"}[:i+1], " ")
			ea.wants(t, want)
			eb.wants(t, want)
		}
	}
}

// BUS-04, REP-25: two nodes publish at once; every receiver sees one order
// without holes, whenever it came.
func TestREP25OneOrder(t *testing.T) { onPeace(t, testREP25OneOrder) }

func testREP25OneOrder(t *testing.T, server shared) {
	a, b := pairOn(t, server)
	ears := []*ear{listen(t, a, "chat"), listen(t, b, "chat")}
	var wg sync.WaitGroup
	const each, publishers = 250, 4
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				say(t, []*Node{a, b}[p%2], "chat", fmt.Sprintf("%d", p*each+i))
			}
		})
	}
	late, j := subscribe(t, b, "chat", &topic.Position{})
	if j.Err != nil {
		t.Fatal(j.Err)
	}
	wg.Wait()
	for _, e := range append(ears, late) {
		eventually(t, func() string {
			if n := e.count(); n != each*publishers {
				return fmt.Sprintf("%d of %d arrived", n, each*publishers)
			}
			return ""
		})
		e.check(t)
		if e.heard() != ears[0].heard() {
			t.Error("two receivers saw two orders")
		}
	}
}

// REP-23, REP-24, STR-02: nodes share the history and the ids, also with one that
// starts later.
func TestREP24NodesShareHistory(t *testing.T) { onPeace(t, testREP24NodesShareHistory) }

func testREP24NodesShareHistory(t *testing.T, server shared) {
	a, b := pairOn(t, server)
	first, err := a.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: []byte("1"), ID: "once"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: []byte("1"), ID: "once"})
	if err != nil || !again.Duplicate || again.Position != first.Position {
		t.Errorf("the same id on another node: %+v, %v; first %+v", again, err, first)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil && !errors.Is(err, errClosed) {
		t.Logf("close: %v", err)
	}
	c := nodesOn(t, server, 1)[0]
	if r := say(t, c, "chat", "2"); r.Position.Epoch != first.Position.Epoch || r.Position.Seq != 2 {
		t.Errorf("after a restart: %v, first %v", r.Position, first.Position)
	}
	h, err := c.Topics().History(t.Context(), "chat", topic.Position{}, 10)
	if err != nil || len(h.Events) != 2 || h.Truncated {
		t.Errorf("history %v, %v", h, err)
	}
}

// BUS-17, BUS-18, REP-01: with every connection killed again and again nothing is
// missing and nothing comes twice; topics without history say that they missed.
func TestBUS18ConnectionsKilled(t *testing.T) { onEach(t, testBUS18ConnectionsKilled) }

func testBUS18ConnectionsKilled(t *testing.T, server shared) {
	a, b := pairOn(t, server, live, topic.Policy{History: 100_000})
	eb, lb := listen(t, b, "chat"), listen(t, b, "live:x")
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				server.KillClients(t)
			}
		}
	})
	const count = 1500
	for i := range count {
		id, data := fmt.Sprint("id", i), []byte(fmt.Sprint(i))
		eventually(t, func() string { // with one id, until it is acknowledged
			_, err := a.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: data, ID: id})
			return complaint(err)
		})
		if _, err := a.Topics().Publish(t.Context(), "live:x", topic.Message{Event: "e", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	killer.Wait()
	eventually(t, func() string {
		if n := eb.count(); n < count {
			return fmt.Sprintf("%d of %d arrived", n, count)
		}
		return ""
	})
	eb.check(t)
	want := make([]string, count)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if got := eb.heard(); got != strings.Join(want, " ") {
		t.Errorf("%d events in another order, or some twice", eb.count())
	}
	eventually(t, func() string {
		if n := lb.count(); n < count && !strings.Contains(lb.heard(), "stale") {
			return fmt.Sprintf("%d of %d live events arrived and nothing was said", n, count)
		}
		return ""
	})
}

func complaint(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// outages counts what clients would be told.
type outages struct {
	mu           sync.Mutex
	began, ended int
	reason       string
}

func (o *outages) changed(c breaker.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.Began() {
		o.began, o.reason = o.began+1, c.Reason
	}
	if c.Ended() {
		o.ended++
	}
}

func (o *outages) wants(t *testing.T, began, ended int) {
	t.Helper()
	eventually(t, func() string {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.began != began || o.ended != ended {
			return fmt.Sprintf("%d outages began and %d ended, want %d and %d", o.began, o.ended, began, ended)
		}
		return ""
	})
}

// BUS-14, BUS-23, REP-14, REP-15, SYS-02: Redis goes away and comes back with its
// data. Meanwhile publishes with history fail fast, live ones reach the node's own
// receivers; after it everything is as if nothing had happened.
func TestREP15Outage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testing.T, shared) }{
		"stopped": {func(t *testing.T, s shared) { s.stop(t) }, func(t *testing.T, s shared) { s.Run(t) }},
		"hanging": {func(_ *testing.T, s shared) { s.Pause() }, func(_ *testing.T, s shared) { s.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, server shared) { outage(t, server, fault.begin, fault.end) })
		})
	}
}

func outage(t *testing.T, server shared, begin, end func(*testing.T, shared)) {
	a, b := pairOn(t, server, live, topic.Policy{})
	var told outages
	defer a.OnHealth(told.changed)()
	ka, kb := listen(t, a, "kept"), listen(t, b, "kept")
	la, lb := listen(t, a, "live:x"), listen(t, b, "live:x")
	say(t, a, "kept", "1")
	say(t, a, "live:x", "1")
	for _, e := range []*ear{ka, kb, la, lb} {
		e.wants(t, "1")
	}

	begin(t, server)
	told.wants(t, 1, 0)
	began := time.Now()
	_, err := a.Topics().Publish(t.Context(), "kept", topic.Message{Event: "e"})
	if took := time.Since(began); !errors.Is(err, topic.ErrUnavailable) || took > 3*time.Second {
		t.Errorf("publish: %v after %v", err, took)
	}
	if h := a.Health(); len(h) != 1 || h[0].Backend != a.sharedBackend() || h[0].State == "healthy" || h[0].Reason == "" {
		t.Errorf("health %+v", h)
	}
	say(t, a, "live:x", "2")
	la.wants(t, "1 2")
	newcomer := listen(t, a, "live:new") // gets what this node publishes
	say(t, a, "live:new", "1")
	newcomer.wants(t, "1")
	if _, j := subscribe(t, a, "unknown", nil); !errors.Is(j.Err, topic.ErrUnavailable) {
		t.Errorf("subscribe with history: %v", j.Err)
	}

	end(t, server)
	told.wants(t, 1, 1)
	eventually(t, func() string {
		_, err := a.Topics().Publish(t.Context(), "kept", topic.Message{Event: "e", Data: []byte("3"), ID: "3"})
		return complaint(err)
	})
	kb.wants(t, ka.heard())
	eventually(t, func() string { // "2" was not relayed: the others are told
		if !strings.Contains(lb.heard(), "stale") {
			return "heard " + lb.heard()
		}
		return ""
	})
	newcomer.mentions(t, "stale")
	eventually(t, func() string { // the first ones may fall into a further interruption, which is told
		say(t, b, "live:new", "2")
		return map[bool]string{false: newcomer.heard()}[strings.HasSuffix(newcomer.heard(), "2")]
	})
	ka.check(t)
	kb.check(t)
	told.wants(t, 1, 1)
}

// The breaker's error reaches the publisher.
func TestErrOpenReachesPublisher(t *testing.T) { onEach(t, testErrOpenReachesPublisher) }

func testErrOpenReachesPublisher(t *testing.T, server shared) {
	a, _ := pairOn(t, server)
	server.stop(t)
	eventually(t, func() string {
		_, err := a.Topics().Publish(t.Context(), "kept", topic.Message{Event: "e"})
		if !errors.Is(err, breaker.ErrOpen) {
			return fmt.Sprint(err)
		}
		return ""
	})
	began := time.Now()
	if _, err := a.Topics().Publish(t.Context(), "kept", topic.Message{Event: "e"}); err == nil || time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// REP-11: Redis loses everything. Every node notices within seconds, without
// anyone publishing.
func TestREP11Emptied(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(*testing.T, *redistest.Server){
		"FLUSHALL": func(t *testing.T, s *redistest.Server) {
			if err := s.Client(t).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		},
		"restart without data": func(t *testing.T, s *redistest.Server) { s.Restart(t, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, a, b := pair(t)
			ea, eb := listen(t, a, "chat"), listen(t, b, "chat")
			for i := range 3 {
				say(t, a, "chat", fmt.Sprint(i))
			}
			ea.wants(t, "0 1 2")
			eb.wants(t, "0 1 2")
			began := time.Now()
			empty(t, server)
			ea.wants(t, "0 1 2 T(3,1)")
			eb.wants(t, "0 1 2 T(3,1)")
			t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
			eventually(t, func() string {
				_, err := b.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: []byte("9"), ID: "9"})
				return complaint(err)
			})
			ea.wants(t, "0 1 2 T(3,1) 9")
			eb.wants(t, "0 1 2 T(3,1) 9")
			ea.check(t)
			eb.check(t)
		})
	}
}

// SIG: Redis restarts from an older snapshot and gives numbers a second time.
// Whoever saw the first ones is told.
func TestREP11OldSnapshot(t *testing.T) {
	t.Parallel()
	server, a, b := pair(t)
	eb := listen(t, b, "chat")
	say(t, a, "chat", "1")
	if err := server.Client(t).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	say(t, a, "chat", "2")
	say(t, a, "chat", "3")
	eb.wants(t, "1 2 3")
	server.Kill()
	server.Run(t)
	eb.wants(t, "1 2 3 T(3,1) 1")
	eventually(t, func() string {
		_, err := a.Topics().Publish(t.Context(), "chat", topic.Message{Event: "e", Data: []byte("4"), ID: "4"})
		return complaint(err)
	})
	eb.wants(t, "1 2 3 T(3,1) 1 4")
	eb.check(t)
}

// REP-17: clearing on one node is told to the receivers of all.
func TestREP17ClearedElsewhere(t *testing.T) { onPeace(t, testREP17ClearedElsewhere) }

func testREP17ClearedElsewhere(t *testing.T, server shared) {
	a, b := pairOn(t, server)
	eb := listen(t, b, "chat")
	say(t, a, "chat", "1")
	eb.wants(t, "1")
	if err := a.Topics().Clear(t.Context(), "chat"); err != nil {
		t.Fatal(err)
	}
	eb.wants(t, "1 T(1,1)")
}

// BUS-09, BUS-20, BUS-22, WIRE-12: anyone who reaches Redis can write there.
func TestBUS09Garbage(t *testing.T) {
	t.Parallel()
	server, a, b := pair(t, live, topic.Policy{})
	eb, lb := listen(t, b, "chat"), listen(t, b, "live:x")
	say(t, a, "chat", "1")
	say(t, a, "live:x", "1")
	names, client := redisconn.NamesFor(redisconn.DefaultPrefix), server.Client(t)
	frame := string(topic.AppendEntry(append(topic.FrameHead("x"), "e 2 0 1\n"...), "signal", []byte(`"forged"`)))
	for _, channel := range []string{names.Channel("chat"), names.Channel("live:x"), names.Channel("__signal:x"), "troupe:{", "other"} {
		for _, garbage := range []string{"", "x", strings.Repeat("x", 1<<20), frame, frame[:len(frame)-1], "{\"topic\":\"chat\"}"} {
			if err := client.Publish(t.Context(), channel, garbage).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	say(t, a, "chat", "2")
	say(t, a, "live:x", "2")
	eb.wants(t, "1 2")
	eventually(t, func() string { return map[bool]string{false: lb.heard()}[strings.HasSuffix(lb.heard(), "2")] })
	eb.check(t)
}

// SHD-01: a node hears only of topics that it has receivers for.
func TestSHD01Interest(t *testing.T) {
	t.Parallel()
	server, a, b := pair(t)
	eb := listen(t, b, "r1")
	say(t, a, "r1", "1")
	say(t, a, "r2", "1")
	eb.wants(t, "1")
	channels, err := server.Client(t).PubSubChannels(t.Context(), "*r2*").Result()
	if err != nil || len(channels) != 0 {
		t.Errorf("followed without receivers: %v, %v", channels, err)
	}
	if err := b.Topics().Unsubscribe("r1", eb, eb); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		channels, err := server.Client(t).PubSubChannels(t.Context(), "*r1*").Result()
		if err != nil || len(channels) > 0 {
			return fmt.Sprint(channels, err)
		}
		return ""
	})
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := Start(ctx, Config{Redis: "redis://user:hunter2@127.0.0.1:1/0"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	for _, c := range []Config{{Redis: "http://user:hunter2@x"}, {Redis: "redis://x", Prefix: "a b"}, {Replicas: 1}, {Redis: "redis://x", Replicas: -1}} {
		var fault *ConfigError
		if _, err := Start(ctx, c); !errors.As(err, &fault) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Two clusters on one Redis do not hear each other.
func TestPrefixesAreApart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var ears []*ear
	var all []*Node
	for _, prefix := range []string{"", "other:"} {
		n, err := Start(t.Context(), Config{Redis: server.URL(), Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		all, ears = append(all, n), append(ears, listen(t, n, "chat"))
	}
	for i, n := range all {
		say(t, n, "chat", fmt.Sprint(i))
		ears[i].wants(t, fmt.Sprint(i))
		if got := len(n.Members()); got != 1 {
			t.Errorf("node %d sees %d members", i, got)
		}
	}
}

// SYS-03: one node can not reach Redis, the other can. Each goes on serving its
// own; when the way is back, nothing is missing on either that was not announced.
func TestSYS03Partition(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(proxied){
		"refused":   func(p proxied) { p.proxy.Refuse() },
		"half-open": func(p proxied) { p.proxy.Hang() },
	} {
		t.Run(name, func(t *testing.T) {
			onPeace(t, func(t *testing.T, server shared) { partition(t, server, cut) })
		})
	}
}

func partition(t *testing.T, server shared, cut func(proxied)) {
	a, way := nodesOn(t, server, 1, live, topic.Policy{})[0], server.proxied(t)
	way.cfg.ID, way.cfg.Topics = "b", []topic.Policy{live, {}}
	b := startOn(t, way.cfg)
	var told, untroubled outages
	defer b.OnHealth(told.changed)()
	defer a.OnHealth(untroubled.changed)()
	ka, kb, la, lb := listen(t, a, "kept"), listen(t, b, "kept"), listen(t, a, "live:x"), listen(t, b, "live:x")
	say(t, a, "kept", "1")
	kb.wants(t, "1")

	cut(way)
	told.wants(t, 1, 0)
	say(t, a, "kept", "2") // b can not hear it
	say(t, a, "live:x", "2")
	say(t, b, "live:x", "3") // nor a this
	la.wants(t, "2")
	lb.wants(t, "3")

	way.proxy.Heal(t)
	told.wants(t, 1, 1)
	kb.wants(t, "1 2")
	lb.mentions(t, "2", "stale") // what hung on the way may still come
	la.mentions(t, "3", "stale")
	say(t, b, "live:x", "4")
	la.mentions(t, "4")
	eventually(t, func() string {
		_, err := b.Topics().Publish(t.Context(), "kept", topic.Message{Event: "e", Data: []byte("3"), ID: "3"})
		return complaint(err)
	})
	ka.wants(t, "1 2 3")
	kb.wants(t, "1 2 3")
	untroubled.wants(t, 0, 0)
}
