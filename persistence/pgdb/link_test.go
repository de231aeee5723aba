//go:build unix

package pgdb

import (
	"net"
	"testing"
	"time"
)

// TestSilentBesideARead: when a write took long pgx reads in the background, and may go on with that while the
// connection is back in the pool. Who looks there whether it lives must not wait for what never comes.
func TestSilentBesideARead(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	var b [2]byte
	reads := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = ours.Read(b[:1])
		close(reads) // the next read waits
		_, _ = ours.Read(b[1:])
	}()
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-reads
	said := make(chan bool, 1)
	go func() { said <- silent(ours) }()
	select {
	case is := <-said:
		if !is {
			t.Error("not silent")
		}
	case <-time.After(10 * time.Second):
		t.Error("silent waits for who reads")
	}
	_ = ours.Close()
	<-ended
}
