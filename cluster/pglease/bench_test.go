package pglease_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// BenchmarkRenew tells what a renewal costs in clusters of several sizes. Each node has one every two
// seconds.
func BenchmarkRenew(b *testing.B) {
	for _, nodes := range []int{3, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			r, _ := registry(b)
			rn := lease.Renewal{Self: lease.Member{ID: "node-0", Incarnation: "0"}, TTL: time.Minute, Join: true}
			for i := range nodes - 1 {
				rn.Members = append(rn.Members, lease.Member{ID: fmt.Sprint("node-", i+1), Incarnation: "1",
					Address: "10.0.0.1:8080", Version: "v1.0.0", Started: time.Now()})
			}
			if _, err := r.Renew(b.Context(), rn); err != nil {
				b.Fatal(err)
			}
			rn.Members = nil
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Renew(b.Context(), rn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
