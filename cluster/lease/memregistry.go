package lease

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"
)

// A MemRegistry keeps the leases of nodes in one process: for a cluster on
// cluster/membus, and for tests. It needs no closing.
type MemRegistry struct {
	mu     sync.Mutex
	offset time.Duration // of its clock from the process's
	life   string
	fence  uint64
	leases map[key]Lease
	deaths map[key]*death
}

type death struct {
	Death
	by    key
	fence uint64
}

// NewMemRegistry returns an empty MemRegistry.
func NewMemRegistry() *MemRegistry {
	r := &MemRegistry{}
	r.Empty()
	return r
}

// Empty forgets everything, as a backend does that is restarted without data.
func (r *MemRegistry) Empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = rand.Text()
	r.leases, r.deaths = map[key]Lease{}, map[key]*death{}
}

// Shift sets its clock forward by d, or back if d is negative.
func (r *MemRegistry) Shift(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset += d
}

// Renew implements Registry.
func (r *MemRegistry) Renew(ctx context.Context, rn Renewal) (View, error) {
	if err := ctx.Err(); err != nil {
		return View{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.tidy(now)
	v := View{Standing: r.renew(now, rn), Now: now, Life: []string{r.life}}
	r.writeBack(now, rn)
	v.Members = slices.Collect(maps.Values(r.leases))
	for _, d := range r.deaths {
		v.Dead = append(v.Dead, d.Death)
	}
	return v, nil
}

func (r *MemRegistry) renew(now time.Time, rn Renewal) Standing {
	k := rn.Self.key()
	if _, dead := r.deaths[k]; dead {
		return Claimed
	}
	if _, ok := r.leases[k]; !ok && !rn.Join {
		return Absent
	}
	r.leases[k] = Lease{Member: rn.Self, Until: now.Add(min(rn.TTL, MaxTTL))}
	return Held
}

func (r *MemRegistry) writeBack(now time.Time, rn Renewal) {
	for _, m := range rn.Dead {
		if r.deaths[m.key()] == nil {
			r.deaths[m.key()] = &death{Death: Death{Member: m, Until: now}}
			delete(r.leases, m.key())
		}
	}
	for _, m := range rn.Members {
		if _, ok := r.leases[m.key()]; !ok && r.deaths[m.key()] == nil {
			r.leases[m.key()] = Lease{Member: m, Until: now.Add(rn.TTL)}
		}
	}
}

// tidy shortens what ends too late and forgets the dead of long ago.
func (r *MemRegistry) tidy(now time.Time) {
	for k, l := range r.leases {
		if most := now.Add(MaxTTL); l.Until.After(most) {
			l.Until = most
			r.leases[k] = l
		}
	}
	maps.DeleteFunc(r.deaths, func(_ key, d *death) bool { return d.Done && now.Sub(d.Until) > KeepDone })
}

// Leave implements Registry.
func (r *MemRegistry) Leave(ctx context.Context, self Member) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leases, self.key())
	now := r.now()
	for _, d := range r.deaths {
		if d.by == self.key() && !d.Done && d.Until.After(now) {
			d.Until, d.fence = now, 0
		}
	}
	return nil
}

// Claim implements Registry.
func (r *MemRegistry) Claim(ctx context.Context, c Claim) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if by, ok := r.leases[c.By.key()]; !ok || !by.Until.After(now) {
		return 0, nil
	}
	k := c.Dead.key()
	d := r.deaths[k]
	if d == nil {
		l, ok := r.leases[k]
		if !ok || l.Until.After(now) {
			return 0, nil
		}
		d = &death{Death: Death{Member: l.Member}}
	}
	if d.Done || d.Until.After(now) {
		return 0, nil
	}
	delete(r.leases, k)
	r.fence++
	d.Until, d.by, d.fence = now.Add(c.For), c.By.key(), r.fence
	r.deaths[k] = d
	return r.fence, nil
}

// Done implements Registry.
func (r *MemRegistry) Done(ctx context.Context, dead Member, fence uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.deaths[dead.key()]
	if d == nil || d.Done || fence == 0 || d.fence != fence {
		return ErrNotHeld
	}
	d.Done, d.Until = true, r.now()
	return nil
}

func (r *MemRegistry) now() time.Time { return time.Now().Add(r.offset) }
