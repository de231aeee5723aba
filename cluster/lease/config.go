package lease

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of a Config.
const (
	DefaultTTL      = 6 * time.Second
	DefaultClaimTTL = 30 * time.Second
)

// Config of an Agent. Registry and Self.ID are required.
type Config struct {
	Registry Registry

	// Self is what the node says of itself. Its Incarnation is the Agent's to
	// choose.
	Self Member

	// TTL is how long a node counts as alive after it was last heard of: 100 ms to
	// MaxTTL. Less finds the dead sooner; more bears longer pauses. All
	// nodes should have the same.
	//
	// Defaults to DefaultTTL.
	TTL time.Duration

	// Every is the time between two renewals, at most a third of TTL. A renewal may
	// take half of it; one that failed is tried again after an eighth, then more
	// and more, up to half.
	//
	// Defaults to a third of TTL.
	Every time.Duration

	// ClaimTTL is how long cleaning up after one node may take before another
	// survivor begins anew, at most an hour.
	//
	// Defaults to DefaultClaimTTL.
	ClaimTTL time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; serves one Agent
}

func (c Config) withDefaults() Config {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.Every == 0 {
		c.Every = c.TTL / 3
	}
	if c.ClaimTTL == 0 {
		c.ClaimTTL = DefaultClaimTTL
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	var faults []error
	if c.Registry == nil {
		faults = append(faults, errors.New("registry is required"))
	}
	if err := c.Self.Validate(); err != nil {
		faults = append(faults, err)
	}
	if c.TTL < 100*time.Millisecond || c.TTL > MaxTTL {
		faults = append(faults, fmt.Errorf("ttl %v is not within 100ms to %v", c.TTL, MaxTTL))
	}
	if c.Every < time.Millisecond || c.Every > c.TTL/3 {
		faults = append(faults, fmt.Errorf("every %v is not within 1ms and a third of ttl %v", c.Every, c.TTL))
	}
	if c.ClaimTTL < c.Every || c.ClaimTTL > time.Hour {
		faults = append(faults, fmt.Errorf("claim ttl %v is not within every %v and 1h", c.ClaimTTL, c.Every))
	}
	return errors.Join(faults...)
}
