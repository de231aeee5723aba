package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// A LimitNode is a Node that has rate limits. Options name those that the gateway
// consumes.
type LimitNode interface {
	Node
	Limits() *ratelimit.Limits
}

// limitFaults returns what is wrong with the limits that the options name.
func (g *Gateway) limitFaults() error {
	var faults []error
	check := func(field, name string) (ratelimit.Policy, bool) {
		if name == "" {
			return ratelimit.Policy{}, false
		}
		if g.limits == nil {
			faults = append(faults, fmt.Errorf("gateway: %s: the node has no limits", field))
			return ratelimit.Policy{}, false
		}
		p, ok := g.limits.Policy(name)
		if !ok {
			faults = append(faults, fmt.Errorf("gateway: %s: there is no limit %q", field, name))
		}
		return p, ok
	}
	check("FrameLimit", g.o.FrameLimit)
	if p, ok := check("UpgradeLimit", g.o.UpgradeLimit); ok && p.By == ratelimit.ByConnection {
		faults = append(faults, fmt.Errorf("gateway: UpgradeLimit: %q is for each connection, and each upgrade is a new one", p.Name))
	}
	if g.o.PublishLimit != nil && g.limits == nil {
		faults = append(faults, errors.New("gateway: PublishLimit: the node has no limits"))
	}
	return errors.Join(faults...)
}

// consume takes one from a limit of this client. The verdict has a reason if the
// client must not go on; a backend that fails refuses too.
func (s *session) consume(ctx context.Context, name string) verdict {
	p, ok := s.g.limits.Policy(name)
	if !ok {
		return s.verdict("limit", fmt.Errorf("there is no limit %q", name))
	}
	s.mu.Lock()
	client := ratelimit.Client{Connection: s.name(), Address: limited(s.remote), Identity: s.identity.ID}
	s.mu.Unlock()
	result, err := s.g.limits.Consume(ctx, name, p.Key(client), 1)
	switch {
	case err != nil:
		return s.verdict("limit", err)
	case result.Allowed:
		return verdict{}
	}
	return verdict{reason: reasonRate, retryAfterMs: int(max(1, result.Retry.Milliseconds()))}
}

// mayPublish consumes the limit of a topic.
func (s *session) mayPublish(name string) verdict {
	if s.g.o.PublishLimit == nil {
		return verdict{}
	}
	limit := s.g.o.PublishLimit(name)
	if limit == "" {
		return verdict{}
	}
	return s.consume(s.g.ctx, limit)
}

// maySend consumes the limit of frames. A client beyond it is closed; if nobody can
// tell, the frame is not obeyed. f is nil for what is no frame.
func (s *session) maySend(f *frame) bool {
	limit := s.g.o.FrameLimit
	if limit == "" {
		return true
	}
	switch v := s.consume(s.g.ctx, limit); v.reason {
	case "":
		return true
	case reasonRate:
		s.shut(CloseTooMany, "too many messages")
	default:
		var ref []byte
		if f != nil {
			ref = f.anyRef()
		}
		s.send(appendError(nil, ref, v.reason, "the limit of frames can not be asked; the frame was not obeyed"))
	}
	return false
}

// mayUpgrade consumes the limit of upgrades, before it is known who it is if that
// does not matter.
func (s *session) mayUpgrade(ctx context.Context, known bool) (status int, retry time.Duration) {
	limit := s.g.o.UpgradeLimit
	if limit == "" {
		return 0, 0
	}
	if p, _ := s.g.limits.Policy(limit); known != (p.By == ratelimit.ByIdentity) {
		return 0, 0
	}
	switch v := s.consume(ctx, limit); v.reason {
	case "":
		return 0, 0
	case reasonRate:
		return http.StatusTooManyRequests, time.Duration(v.retryAfterMs) * time.Millisecond
	default:
		return http.StatusServiceUnavailable, 0
	}
}

// retryAfter is a duration as the header of this name has it, in whole seconds.
func retryAfter(d time.Duration) string {
	return fmt.Sprint(int(math.Ceil(max(1, d.Seconds()))))
}

// limited is the address under which limits count a client: IPv6 by its /64, which
// is what one customer has. Loopback counts too, where somebody has asked for it.
func limited(remote string) string {
	if addr := counted(remote); addr != "" {
		return addr
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}
