package actors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// A roomMessage is what rooms are told: say has no answer, heard has one.
type roomMessage interface{}

type say struct{ text string }

type heard struct{ reply actors.Reply[[]string] }

// Refuse implements actors.Refuser, so that an asker hears of a panic or a stop.
func (m heard) Refuse(err error) { m.reply.Fail(err) }

// A room remembers what was said in it.
type room struct{ said []string }

func (r *room) Start(c *actors.Context[roomMessage]) { fmt.Println("start", c.Key()) }

func (r *room) Handle(_ *actors.Context[roomMessage], m roomMessage) {
	switch m := m.(type) {
	case say:
		r.said = append(r.said, m.text)
	case heard:
		m.reply.Send(r.said)
	}
}

func (r *room) Flush(*actors.Context[roomMessage]) {}

func (r *room) Stop(c *actors.Context[roomMessage], reason error) {
	fmt.Println("stop", c.Key(), "with", reason)
}

func newRoom(string) actors.Behavior[roomMessage] { return &room{} }

func ExampleKeeper() {
	system := actors.NewSystem(actors.Config{})
	rooms := actors.NewKeeper(system, actors.Kind[roomMessage]{Name: "room", New: newRoom})

	_ = rooms.Tell("lobby", say{"hello"}) // spawns the actor of "lobby"
	_ = rooms.Tell("lobby", say{"anyone here?"})
	fmt.Println(rooms.Len(), "room")

	_ = system.Close(context.Background())
	// Unordered output:
	// 1 room
	// start lobby
	// stop lobby with actors: closed
}

func ExampleAsk() {
	system := actors.NewSystem(actors.Config{})
	rooms := actors.NewKeeper(system, actors.Kind[roomMessage]{Name: "room", New: newRoom})
	_ = rooms.Tell("lobby", say{"hello"})

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	said, err := actors.Ask(ctx, rooms, "lobby", func(reply actors.Reply[[]string]) roomMessage {
		return heard{reply}
	})
	fmt.Println(said, err)

	_ = system.Close(context.Background())
	// Output:
	// start lobby
	// [hello] <nil>
	// stop lobby with actors: closed
}
