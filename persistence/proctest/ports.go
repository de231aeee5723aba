package proctest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are drawn from below the range from which systems give out ports by
// themselves, also with an offset of up to 10000. So nobody takes one by accident while its
// server is stopped.
const (
	firstPort = 12000
	lastPort  = 22000
)

// FreePort draws a port of 127.0.0.1 that is free, as are those that are the offsets higher. Another
// process may take it until it is used: then draw again.
func FreePort(t testing.TB, offsets ...int) int {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		fine := free(port)
		for _, offset := range offsets {
			fine = fine && free(port+offset)
		}
		if fine {
			return port
		}
	}
	t.Fatalf("proctest: no free port between %d and %d", firstPort, lastPort)
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
