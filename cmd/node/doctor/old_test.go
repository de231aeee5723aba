package doctor

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// oldServer answers every HELLO as Redis 6.2 does, and OK to the rest.
func oldServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { defer conn.Close(); answerAll(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	return l.Addr().String()
}

// answerAll reads commands as arrays of strings, one after the other.
func answerAll(conn io.ReadWriter) {
	const hello = "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n6.2.7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasPrefix(line, "*") {
			continue // an argument, or its length
		}
		_, _ = in.ReadString('\n') // how long the name is
		name, _ := in.ReadString('\n')
		answer := "+OK\r\n"
		if strings.EqualFold(strings.TrimSpace(name), "hello") {
			answer = hello
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func TestOldServer(t *testing.T) {
	t.Parallel()
	r := examine(t, "redis://"+oldServer(t))
	if r.Verdict != Fail || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, "6.2.7") {
		t.Errorf("%+v", r)
	}
}
