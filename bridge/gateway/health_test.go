package gateway_test

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// BUS-23: every connection is told of an outage once, also one that comes while
// it lasts, and once of its end.
func TestBUS23DegradedAndRecovered(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	early := b.dial()
	at := time.UnixMilli(1700000000000)
	began := breaker.Change{Backend: "redis", From: breaker.Healthy, To: breaker.Broken, Outage: 1, At: at, Reason: "timeout"}
	ended := breaker.Change{Backend: "redis", From: breaker.Probing, To: breaker.Healthy, Outage: 1, At: at.Add(time.Second)}
	const degraded = `{"topic":"__system","event":"degraded","data":{"backend":"redis","at":1700000000000,"reason":"timeout"}}`
	const recovered = `{"topic":"__system","event":"recovered","data":{"backend":"redis","at":1700000001000}}`

	b.node.health(began)
	early.want(degraded)
	late := b.dial()
	late.want(degraded)
	b.node.health(ended)
	early.want(recovered)
	late.want(recovered)

	after := b.dial()
	if err := b.Broadcast("__system", "hello", 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{early, late, after} {
		c.want(`{"topic":"__system","event":"hello","data":1}`)
	}
}
