package proctest_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

// echo is a server that says what it is told, and keeps what it heard.
func echo(t *testing.T) (addr string, heard chan byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard = make(chan byte, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var b [1]byte
				for {
					if _, err := io.ReadFull(c, b[:]); err != nil {
						return
					}
					heard <- b[0]
					if _, err := c.Write(b[:]); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), heard
}

// say sends a byte and waits for it to come back.
func say(c net.Conn, b byte, patience time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte{b}); err != nil {
		return err
	}
	var got [1]byte
	if _, err := io.ReadFull(c, got[:]); err != nil {
		return err
	}
	if got[0] != b {
		return errors.New("another answer")
	}
	return nil
}

func TestProxy(t *testing.T) {
	t.Parallel()
	addr, heard := echo(t)
	p := proctest.StartProxy(t, addr)
	open := func() net.Conn {
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	const patience = 10 * time.Second
	c := open()
	must := func(want bool, b byte, patience time.Duration) {
		t.Helper()
		if err := say(c, b, patience); (err == nil) != want {
			t.Fatalf("%c: %v", b, err)
		}
	}
	must(true, 'a', patience)

	p.Cut()
	must(false, 'b', patience)
	c = open()
	must(true, 'c', patience)

	p.Refuse()
	must(false, 'd', patience)
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = c.Close()
		t.Fatal("it takes connections while it refuses")
	}
	p.Heal(t)
	c = open()
	must(true, 'e', patience)

	p.Hang()
	must(false, 'f', 50*time.Millisecond)
	p.Heal(t)
	_ = c.SetDeadline(time.Now().Add(patience))
	var late [1]byte
	if _, err := io.ReadFull(c, late[:]); err != nil || late[0] != 'f' {
		t.Fatalf("what hung came as %q, %v", late, err)
	}

	p.Strand()
	stranded := c
	must(false, 's', 50*time.Millisecond)
	c = open()
	must(true, 't', patience)
	if n := p.Count(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	p.Hang()
	p.Heal(t)
	_ = stranded.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := stranded.Read(late[:]); err == nil {
		t.Error("what was stranded came through")
	}

	p.LoseAnswer()
	must(false, 'g', patience)
	for _, want := range []byte("aceftg") { // of the others the connection had ended
		if got := <-heard; got != want {
			t.Errorf("heard %c, want %c", got, want)
		}
	}
}
