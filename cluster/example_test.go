package cluster_test

import (
	"context"
	"fmt"
	"log"

	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

// A node of one, all in memory: publish, and read what was published.
func Example() {
	ctx := context.Background()
	node, err := cluster.Start(ctx, cluster.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()

	for _, text := range []string{`"hello"`, `"is anybody there?"`} {
		_, err := node.Topics().Publish(ctx, "room:lobby", topic.Message{Event: "said", Data: []byte(text)})
		if err != nil {
			log.Fatal(err)
		}
	}
	past, err := node.Topics().History(ctx, "room:lobby", topic.Position{}, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range past.Events {
		fmt.Printf("%d %s %s\n", e.Seq(), e.Name(), e.Data())
	}
	// Output:
	// 1 said "hello"
	// 2 said "is anybody there?"
}

// Policies say how topics behave, by the pattern that their name fits first.
func ExampleStart() {
	node, err := cluster.Start(context.Background(), cluster.Config{
		Topics: []topic.Policy{
			{Match: "room:*", History: 500},
			{Match: "ticker:*", History: -1, Slow: topic.SlowConflate},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	fmt.Println(node.Topics().Policy("room:42").History, node.Topics().Policy("ticker:gold").HasHistory())

	_, err = cluster.Start(context.Background(), cluster.Config{
		ID:     "not fine",
		Topics: []topic.Policy{{Match: "*", History: 5_000_000}},
	})
	fmt.Println(err)
	// Output:
	// 500 false
	// cluster: configuration: id: "not fine" must be 1 to 64 letters, digits, dots, dashes and underscores
	// topics[0].history.size: 5000000 is not within 1 to 1000000 (-1 keeps none)
}
