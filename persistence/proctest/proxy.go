package proctest

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// A Proxy stands between a client and a server and breaks their connections in
// the ways that networks do. Its methods may be called from any goroutine.
type Proxy struct {
	port   int
	target string

	mu       sync.Mutex
	listener net.Listener      // nil while refusing
	conns    map[net.Conn]bool // true: stranded
	healed   chan struct{}     // closed unless hanging
	ended    chan struct{}
	closed   bool
	lose     bool // the next answer of the server
	running  sync.WaitGroup
}

// StartProxy starts a proxy to a server's address, which ends with the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, conns: map[net.Conn]bool{}, healed: make(chan struct{}), ended: make(chan struct{})}
	close(p.healed)
	t.Cleanup(p.end)
	for range 20 {
		p.port = FreePort(t)
		if p.listen() == nil {
			return p
		}
	}
	t.Fatal("proctest: others took every port that was free")
	return nil
}

// Port is where it listens, the same all the time.
func (p *Proxy) Port() int { return p.port }

// Addr is host:port.
func (p *Proxy) Addr() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// Count is how many connections there are.
func (p *Proxy) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2 // each has two ends
}

// Cut ends every connection. New ones are as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

// Refuse ends every connection, and refuses new ones until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.cut()
}

// Hang lets nothing through until Heal, and says so to nobody: connections stay
// open, and new ones are accepted.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.healed:
		p.healed = make(chan struct{})
	default: // hangs already
	}
}

// Strand has the connections that there are hang for good, as if the network had forgotten them. New ones are as before.
func (p *Proxy) Strand() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		p.conns[conn] = true
	}
}

// LoseAnswer ends the connection on which the server answers next, before the answer
// arrives: the command ran, and the client can not know.
func (p *Proxy) LoseAnswer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = true
}

// Heal ends Refuse and Hang. What was on its way on a connection that hung, and
// was not given up, arrives.
func (p *Proxy) Heal(t testing.TB) {
	t.Helper()
	p.release()
	p.mu.Lock()
	listening := p.listener != nil
	p.mu.Unlock()
	if listening {
		return
	}
	if err := p.listen(); err != nil {
		t.Fatalf("proctest: somebody took the proxy's port: %v", err)
	}
}

func (p *Proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.healed:
	default:
		close(p.healed)
	}
}

// cut is called with the lock held.
func (p *Proxy) cut() {
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) end() {
	p.Refuse()
	p.mu.Lock()
	p.closed = true
	close(p.ended)
	p.cut()
	p.mu.Unlock()
	p.release()
	p.running.Wait()
}

func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", p.Addr())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener = l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(l, conn)
		}
	})
	return nil
}

// serve connects to the server and pipes both ways.
func (p *Proxy) serve(l net.Listener, client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.listener != l { // refused meanwhile
		_, _ = client.Close(), server.Close()
		return
	}
	p.conns[client], p.conns[server] = false, false
	p.running.Go(func() { p.pipe(client, server, false) })
	p.running.Go(func() { p.pipe(server, client, true) })
}

// fate says what becomes of something that came.
func (p *Proxy) fate(from net.Conn, answer bool) (healed chan struct{}, lose bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[from] {
		return p.ended, false
	}
	if answer {
		lose, p.lose = p.lose, false
	}
	return p.healed, lose
}

// wait returns when what came on a connection may go on.
func (p *Proxy) wait(from net.Conn, answer bool) (lose bool) {
	for {
		healed, lose := p.fate(from, answer)
		if lose {
			return true
		}
		<-healed
		if now, _ := p.fate(from, false); now == healed { // neither stranded nor hanging again meanwhile
			return false
		}
	}
}

// pipe forwards until either end is gone, and then ends both.
func (p *Proxy) pipe(from, to net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if p.wait(from, answers) {
				break
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = io.ErrClosedPipe
			}
		}
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range []net.Conn{from, to} {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}
