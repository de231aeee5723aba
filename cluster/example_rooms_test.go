package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
)

// Who is there, five seats, and how often somebody may do something: the same on
// every node that shares a Redis.
func ExampleNode_Presence() {
	ctx := context.Background()
	node, err := cluster.Start(ctx, cluster.Config{
		Groups: []group.Policy{{Match: "lobby:*", MaxMembers: 5}},
		Limits: []ratelimit.Policy{{Name: "mails", Points: 3, Interval: time.Hour}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()

	type User struct{ Name string }
	here := presence.Of[User](node.Presence(), "room:42")
	session, err := here.Join(ctx, "ann", User{"Ann"})
	if err != nil {
		log.Fatal(err)
	}
	users, err := here.List(ctx)
	fmt.Println(users, err)

	for i := range 6 {
		user := fmt.Sprint("user", i)
		_, err = node.Groups().Join(ctx, "lobby:1", group.Joiner{Identity: user})
	}
	fmt.Println("the sixth is refused:", errors.Is(err, group.ErrFull))

	for range 4 {
		result, err := node.Limits().Consume(ctx, "mails", "ann", 1)
		fmt.Println(result.Allowed, result.Remaining, err)
	}
	if err := session.Leave(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// map[ann:{Ann}] <nil>
	// the sixth is refused: true
	// true 2 <nil>
	// true 1 <nil>
	// true 0 <nil>
	// false 0 <nil>
}
