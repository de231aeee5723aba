package gateway

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// maxAddresses bounds how many addresses without a connection are remembered.
const maxAddresses = 10_000

// admission counts connections and upgrades. It decides before anything else is
// done for a request.
type admission struct {
	limits Limits

	mu        sync.Mutex
	total     int
	connected int // addresses with connections
	purged    int64
	addresses map[string]*address
}

// An address counts upgrades in two windows, of which the older one fades.
type address struct {
	connections   int
	window        int64
	before, since int
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, addresses: make(map[string]*address)}
}

// enter takes a place for a connection from addr, "" being one that is not
// counted. It returns 0, or the status of the refusal.
func (a *admission) enter(addr string, now time.Time) (status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if addr != "" {
		c := a.count(addr, now)
		if l := a.limits.Upgrades; l >= 0 {
			if c.estimate(now, a.limits.UpgradeWindow) >= float64(l) {
				return http.StatusTooManyRequests
			}
			c.since++
		}
		if l := a.limits.PerAddress; l >= 0 && c.connections >= l {
			return http.StatusTooManyRequests
		}
	}
	if l := a.limits.Connections; l >= 0 && a.total >= l {
		return http.StatusServiceUnavailable
	}
	a.total++
	if addr != "" {
		c := a.addresses[addr]
		if c.connections++; c.connections == 1 {
			a.connected++
		}
	}
	return 0
}

// leave gives the place back.
func (a *admission) leave(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if c := a.addresses[addr]; c != nil {
		if c.connections--; c.connections == 0 {
			a.connected--
		}
	}
}

// count returns an address, moved on to the current window.
func (a *admission) count(addr string, now time.Time) *address {
	c := a.addresses[addr]
	if c == nil {
		a.purge(now)
		c = &address{}
		a.addresses[addr] = c
	}
	window := now.UnixNano() / int64(a.limits.UpgradeWindow)
	switch window - c.window {
	case 0:
	case 1:
		c.before, c.since = c.since, 0
	default:
		c.before, c.since = 0, 0
	}
	c.window = window
	return c
}

// estimate is how many upgrades came within the last window's length.
func (c *address) estimate(now time.Time, window time.Duration) float64 {
	elapsed := float64(now.UnixNano()%int64(window)) / float64(window)
	return float64(c.before)*(1-elapsed) + float64(c.since)
}

// purge makes room for another address: those that have been quiet go, at most
// once per window, or else any one that has no connection.
func (a *admission) purge(now time.Time) {
	window := now.UnixNano() / int64(a.limits.UpgradeWindow)
	full := func() bool { return len(a.addresses)-a.connected >= maxAddresses }
	if full() && window != a.purged {
		a.purged = window
		maps.DeleteFunc(a.addresses, func(_ string, c *address) bool {
			return c.connections == 0 && window-c.window > 1
		})
	}
	for addr, c := range a.addresses {
		if !full() {
			return
		}
		if c.connections == 0 {
			delete(a.addresses, addr)
		}
	}
}

// counted returns what an address is counted under: IPv6 by its /64, which is
// what one customer has; loopback not at all.
func counted(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLoopback():
		return ""
	case ip.Is6():
		prefix, err := ip.Prefix(64)
		if err != nil {
			return host
		}
		return prefix.String()
	}
	return ip.String()
}
