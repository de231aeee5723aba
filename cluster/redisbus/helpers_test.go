package redisbus_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

const patience = 20 * time.Second

// sink remembers what a bus brings.
type sink struct {
	mu       sync.Mutex
	frames   map[string][]string
	restored map[string][]interruption
	after    map[string][]int // how many frames had come before each restoration
}

// An interruption is what Restored told.
type interruption struct{ since, at time.Time }

func newSink() *sink {
	return &sink{frames: map[string][]string{}, restored: map[string][]interruption{}, after: map[string][]int{}}
}

func (s *sink) Received(name string, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames[name] = append(s.frames[name], string(frame))
}

func (s *sink) Restored(name string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored[name] = append(s.restored[name], interruption{since, time.Now()})
	s.after[name] = append(s.after[name], len(s.frames[name]))
}

func (s *sink) got(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames[name])
}

func (s *sink) interruptions(name string) []interruption {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.restored[name])
}

// wantFrame waits for a frame.
func (s *sink) wantFrame(t testing.TB, name, frame string) {
	t.Helper()
	redistest.Eventually(t, patience, "frame "+frame+" arrives", func() error {
		if got := s.got(name); !slices.Contains(got, frame) {
			return fmt.Errorf("got %d, at last %.20q", len(got), got[max(0, len(got)-5):])
		}
		return nil
	})
}

func (s *sink) wantRestored(t testing.TB, name string, times int) {
	t.Helper()
	redistest.Eventually(t, patience, "topic is restored", func() error {
		if n := len(s.interruptions(name)); n < times {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
}

// A deafener stands between a node and its server. It can leave the connections open
// on which the node subscribed, and let nothing through to it there.
type deafener struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // to the client: whether it subscribed
}

func startDeafener(t testing.TB, target string) *deafener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deafener{listener: l, target: target, conns: map[net.Conn]bool{}}
	d.running.Go(d.accept)
	t.Cleanup(func() {
		_ = l.Close()
		d.mu.Lock()
		for conn := range d.conns {
			_ = conn.Close()
		}
		d.mu.Unlock()
		d.running.Wait()
	})
	return d
}

func (d *deafener) url() string { return "redis://" + d.listener.Addr().String() }

// deafen holds for the connections that stand now; later ones are well.
func (d *deafener) deafen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, subscribed := range d.conns {
		if subscribed {
			delete(d.conns, conn)
		}
	}
}

func (d *deafener) hears(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.conns[conn]
	return ok
}

func (d *deafener) accept() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", d.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		d.mu.Lock()
		d.conns[client] = false
		d.mu.Unlock()
		d.running.Go(func() {
			pipe(client, server, func(b []byte) bool {
				if bytes.Contains(bytes.ToLower(b), []byte("subscribe")) {
					d.mu.Lock()
					d.conns[client] = true
					d.mu.Unlock()
				}
				return true
			})
		})
		d.running.Go(func() { pipe(server, client, func([]byte) bool { return d.hears(client) }) })
	}
}

// pipe forwards what pass lets through until either end is gone, and ends both.
func pipe(from, to net.Conn, pass func([]byte) bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if pass(buf[:n]) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}
