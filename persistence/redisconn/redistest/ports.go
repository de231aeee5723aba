package redistest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are drawn from below the range from which systems give out ports by
// themselves, also that of a Cluster's bus, which is busOffset higher. So nobody
// takes one by accident while its server is stopped.
const (
	firstPort = 12000
	lastPort  = 22000
	busOffset = 10000
)

func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if free(port) && free(port+busOffset) {
			return port
		}
	}
	t.Fatalf("redistest: no free port between %d and %d", firstPort, lastPort)
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
