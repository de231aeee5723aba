package group_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

type Player struct{ Name string }

// A lobby has two seats. Who finds it full is told so, and a seat that is given back
// can be taken.
func ExampleOf() {
	ctx := context.Background()
	system := actors.NewSystem(actors.Config{})
	defer system.Close(ctx)
	groups, err := group.Start(group.Config{
		System:   system,
		Store:    memstore.NewLocalRosters(),
		Policies: []group.Policy{{Match: "lobby:*", MaxMembers: 2, Roles: []string{"player", "host"}}},
	})
	if err != nil {
		panic(err)
	}
	defer groups.Stop(ctx)

	lobby := group.Of[Player](groups, "lobby:1")
	ann, _ := lobby.Join(ctx, "ann", "host", Player{"Ann"})
	_, _ = lobby.Join(ctx, "bob", "", Player{"Bob"})
	if _, err := lobby.Join(ctx, "eve", "", Player{"Eve"}); errors.Is(err, group.ErrFull) {
		fmt.Println("full")
	}
	_ = ann.Leave()
	if _, err := lobby.Join(ctx, "eve", "", Player{"Eve"}); err != nil {
		panic(err)
	}

	members, _ := lobby.Members(ctx)
	for _, m := range members {
		fmt.Printf("%s is %s, a %s\n", m.Key, m.Data.Name, m.Role)
	}
	// Output:
	// full
	// bob is Bob, a player
	// eve is Eve, a player
}
