package redislease

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// Config of a Registry. Conn is required; it is the caller's to close.
type Config struct {
	Conn *redisconn.Conn
}

// A Registry is a lease.Registry on Redis. It holds nothing that needs closing.
type Registry struct {
	conn        *redisconn.Conn
	keys        []string // of Renew; the last is the life
	fence       string
	elsewhere   []string // keys of further lives, in a Cluster
	lifeTimeout time.Duration
}

var _ lease.Registry = (*Registry)(nil)

// New returns the Registry of all nodes that are given the same Redis and prefix.
func New(cfg Config) *Registry {
	names := cfg.Conn.Names()
	r := &Registry{conn: cfg.Conn, fence: names.NodeKey("fence"), lifeTimeout: 500 * time.Millisecond,
		keys: []string{names.Nodes(), names.NodeInfo(), names.NodeKey("claims"), names.NodeKey("life")}}
	if cfg.Conn.Cluster() {
		r.elsewhere = lifeKeys(names.Prefix())
	}
	return r
}

// Renew implements lease.Registry. On a Redis Cluster it also looks whether any
// other master was emptied. One that does not answer within half a second is left
// for the next time.
func (r *Registry) Renew(ctx context.Context, rn lease.Renewal) (lease.View, error) {
	args, err := renewArgs(rn)
	if err != nil {
		return lease.View{}, fmt.Errorf("redislease: renew: %w", err)
	}
	lives := r.readLives(ctx)
	reply, err := r.conn.RunApart(ctx, renewScript, r.keys, args...)
	others := <-lives
	if err != nil {
		return lease.View{}, fmt.Errorf("redislease: renew: %w", err)
	}
	v, err := parseView(reply)
	if err != nil {
		return lease.View{}, fmt.Errorf("redislease: renew: %w", err)
	}
	v.Life = append(v.Life, others...)
	return v, nil
}

func renewArgs(rn lease.Renewal) ([]any, error) {
	join := ""
	if rn.Join {
		join = "1"
	}
	info, err := encodeInfo(rn.Self)
	if err != nil {
		return nil, err
	}
	ttl := min(rn.TTL, lease.MaxTTL).Milliseconds()
	args := []any{encodeKey(rn.Self), ttl, info, join, rand.Text(), len(rn.Members)}
	for _, group := range [][]lease.Member{rn.Members, rn.Dead} {
		for _, m := range group {
			if info, err = encodeInfo(m); err != nil {
				return nil, err
			}
			args = append(args, encodeKey(m), info)
		}
	}
	return args, nil
}

// Claim implements lease.Registry.
func (r *Registry) Claim(ctx context.Context, c lease.Claim) (uint64, error) {
	keys := append(r.keys[:3:3], r.fence)
	n, err := number(r.conn.Run(ctx, claimScript, keys, encodeKey(c.Dead), encodeKey(c.By), c.For.Milliseconds()))
	if err != nil {
		return 0, fmt.Errorf("redislease: claim: %w", err)
	}
	return uint64(n), nil
}

// Done implements lease.Registry.
func (r *Registry) Done(ctx context.Context, dead lease.Member, fence uint64) error {
	if fence == 0 {
		return lease.ErrNotHeld
	}
	n, err := number(r.conn.Run(ctx, doneScript, r.keys[:3], encodeKey(dead), strconv.FormatUint(fence, 10)))
	if err != nil {
		return fmt.Errorf("redislease: done: %w", err)
	}
	if n == 0 {
		return lease.ErrNotHeld
	}
	return nil
}

// Leave implements lease.Registry.
func (r *Registry) Leave(ctx context.Context, self lease.Member) error {
	if _, err := r.conn.Run(ctx, leaveScript, r.keys[:3], encodeKey(self)); err != nil {
		return fmt.Errorf("redislease: leave: %w", err)
	}
	return nil
}

// number is the answer of a script that answers with one that is not negative.
func number(reply any, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	n, ok := reply.(int64)
	if !ok || n < 0 {
		return 0, errReply
	}
	return n, nil
}
