package redistest

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

// A Proxy stands between a client and a server and breaks their connections in
// the ways that networks do. Its methods may be called from any goroutine.
type Proxy struct{ *proctest.Proxy }

// StartProxy starts a proxy to a server's address, which ends with the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	return &Proxy{proctest.StartProxy(t, target)}
}

// URL is what a node is given to use the server through the proxy.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Eventually calls ok every few milliseconds until it returns nil, and fails the
// test with its last error if that takes longer than within.
func Eventually(t testing.TB, within time.Duration, what string, ok func() error) {
	t.Helper()
	proctest.Eventually(t, within, what, ok)
}

// busOffset is how much higher the port of a Cluster's bus is.
const busOffset = 10000

func freePort(t testing.TB) int {
	t.Helper()
	return proctest.FreePort(t, busOffset)
}
