package stats

import (
	"math/bits"
	"time"
)

// Each power of two of nanoseconds is cut into this many buckets.
const (
	subBits = 5
	sub     = 1 << subBits
)

// A Histogram counts durations from 0 to an hour in buckets 1/32 wide. The zero
// value is empty and ready. It is not safe for concurrent use.
type Histogram struct {
	counts [42 * sub]uint64
	total  uint64
}

// Add counts a duration. A negative one counts as 0, one past the end as the end.
func (h *Histogram) Add(d time.Duration) {
	h.counts[min(bucket(uint64(max(d, 0))), len(h.counts)-1)]++
	h.total++
}

// Count is the number of durations added.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns a duration that the share q of all entries does not exceed,
// 0 if there are none. Q is between 0 and 1.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	seen := uint64(0)
	for i, n := range h.counts {
		seen += n
		if n > 0 && (seen > rank || seen == h.total) {
			return time.Duration(upper(i))
		}
	}
	return 0
}

// bucket numbers are v itself below sub, then sub per power of two.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)*sub + int(v>>shift) - sub
}

// upper is the largest value of a bucket.
func upper(i int) uint64 {
	if i < sub {
		return uint64(i)
	}
	shift := i/sub - 1
	return (uint64(i%sub)+sub+1)<<shift - 1
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }
