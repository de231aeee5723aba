package ratelimit

import (
	"math"
	"time"
)

// maxUnits keeps everything that stores calculate with exact, also as a float64.
const maxUnits = 1 << 52

const (
	// strips is into how many parts a sliding window is cut.
	strips = 16
	// leaseParts is what share of an Interval leased points live, and maxLease the most.
	leaseParts = 16
	maxLease   = time.Second
)

// Terms are a Policy in the whole numbers that stores calculate with. Times are
// microseconds.
//
// The level of a bucket is counted in units: a point is Token units, and Rate units
// refill in a microsecond, so that nothing is ever rounded.
type Terms struct {
	Kind     Kind
	Points   int64
	Interval int64
	Block    int64
	Token    int64
	Rate     int64
	Strip    int64 // consumes of a sliding window that are this close come back together
	Lease    int64 // how long leased points may be used
}

// Terms are the policy's, which must be without Faults.
func (p Policy) Terms() Terms {
	points, interval := int64(p.Points), p.Interval.Microseconds()
	g := gcd(points, interval)
	return Terms{
		Kind: p.Kind, Points: points, Interval: interval, Block: p.Block.Microseconds(),
		Token: interval / g, Rate: points / g,
		Strip: ceilDiv(interval, strips),
		Lease: min(interval/leaseParts, maxLease.Microseconds()),
	}
}

// exact reports whether a full bucket can be counted.
func (t Terms) exact() bool {
	return t.Kind != Bucket || t.Token <= maxUnits/t.Points
}

// Usable is how long a node may use points whose lease the store remembers for d: clocks
// do not run equally fast.
func Usable(d time.Duration) time.Duration { return d - d/64 }

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

// micros is a duration in whole microseconds, rounded up.
func micros(d time.Duration) int64 {
	return int64(min(d, math.MaxInt64-time.Microsecond)+time.Microsecond-1) / int64(time.Microsecond)
}

// lasting is a number of microseconds as a duration.
func lasting(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
