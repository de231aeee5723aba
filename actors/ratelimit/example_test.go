package ratelimit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

// A limit for anything: here three messages a minute for each user, of which a long one counts twice.
func Example() {
	ctx := context.Background()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(ctx) }()
	limits, err := ratelimit.Start(ratelimit.Config{
		System: system,
		Store:  memstore.NewLimits(0), // or redisstore.NewLimits(conn, nil), which all nodes share
		Policies: []ratelimit.Policy{{
			Name: "chat", Kind: ratelimit.Fixed, Points: 3, Interval: time.Minute, By: ratelimit.ByIdentity,
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = limits.Close(ctx) }()

	policy, _ := limits.Policy("chat")
	key := policy.Key(ratelimit.Client{Identity: "ann", Address: "10.0.0.1"})
	for _, cost := range []int{1, 2, 1} {
		r, err := limits.Consume(ctx, "chat", key, cost)
		if err != nil {
			fmt.Println(err) // nothing is allowed while the store fails
			return
		}
		fmt.Printf("%s: allowed %t, remaining %d, retry in %v\n", key, r.Allowed, r.Remaining, r.Retry.Round(time.Minute))
	}
	// Output:
	// identity:ann: allowed true, remaining 2, retry in 0s
	// identity:ann: allowed true, remaining 0, retry in 0s
	// identity:ann: allowed false, remaining 0, retry in 1m0s
}

// Somebody who misbehaves is banned on all nodes, and let in again.
func ExampleLimits_Ban() {
	ctx := context.Background()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(ctx) }()
	limits, err := ratelimit.Start(ratelimit.Config{System: system, Store: memstore.NewLimits(0),
		Policies: []ratelimit.Policy{{Name: "login", Points: 5, Interval: time.Hour, By: ratelimit.ByAddress}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = limits.Close(ctx) }()

	_ = limits.Ban(ctx, "login", "address:10.0.0.7", 24*time.Hour)
	r, _ := limits.Consume(ctx, "login", "address:10.0.0.7", 1)
	fmt.Println("banned:", r.Allowed, r.Blocked, r.Reset.Round(time.Hour))

	_ = limits.Unban(ctx, "login", "address:10.0.0.7")
	r, _ = limits.Consume(ctx, "login", "address:10.0.0.7", 1)
	fmt.Println("unbanned:", r.Allowed, r.Remaining)
	// Output:
	// banned: false true 24h0m0s
	// unbanned: true 4
}
