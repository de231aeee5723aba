package topic_test

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

type Message struct{ From, Text string }

// A room keeps what is said in it: who comes later reads on where they left off.
func ExampleOf() {
	ctx := context.Background()
	system := actors.NewSystem(actors.Config{})
	defer system.Close(ctx)
	topics, err := topic.Start(topic.Config{System: system, Log: memstore.New(memstore.Config{})})
	if err != nil {
		panic(err)
	}

	room := topic.Of[Message](topics, "room:42")
	seen, _ := room.Publish(ctx, "created", Message{"ann", "anybody here?"})
	_, _ = room.Publish(ctx, "created", Message{"bob", "me"})
	_, _ = room.Publish(ctx, "created", Message{"ann", "hi bob"})

	for m, err := range room.Events(ctx, topic.Since(seen)) {
		if err != nil {
			panic(err)
		}
		fmt.Printf("%d %s: %s\n", m.Position.Seq, m.Data.From, m.Data.Text)
		if m.Position.Seq == 3 {
			break
		}
	}
	// Output:
	// 2 bob: me
	// 3 ann: hi bob
}

// Publishing again with the same id, say after a timeout, changes nothing.
func ExampleWithID() {
	ctx := context.Background()
	system := actors.NewSystem(actors.Config{})
	defer system.Close(ctx)
	topics, err := topic.Start(topic.Config{System: system, Log: memstore.New(memstore.Config{})})
	if err != nil {
		panic(err)
	}

	orders := topic.Of[int](topics, "orders")
	for range 3 {
		pos, err := orders.Publish(ctx, "paid", 4711, topic.WithID("order-4711-paid"))
		fmt.Println(pos.Seq, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
	// 1 <nil>
}
