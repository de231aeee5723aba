// Package actors is what all actors of a node share: finding or spawning an
// actor by its key, a bounded mailbox that drains in batches, retiring without
// loss, supervision, asking with a deadline, notices, and metrics. It knows
// nothing of what the actors do.
//
// A [System] belongs to a node. A [Keeper] holds the actors of one [Kind], one
// per key, spawned when the key is first told something and retired when it
// falls idle. A [Behavior] is what such an actor does; its methods run one at a
// time, so it needs no lock.
//
//	system := actors.NewSystem(actors.Config{})
//	rooms := actors.NewKeeper(system, actors.Kind[roomMessage]{Name: "room", New: newRoom})
//	err := rooms.Tell("lobby", join{"ann"})
//
// # Guarantees
//
//   - A message that Tell took is handled, in the order its sender told it, or
//     refused: its Refuse method is called, exactly once, and it is counted as a
//     dead letter. Retiring an idle actor never loses one
//     (TestPassivationUnderLoadLosesNothing, TestFailedActorRefusesItsQueue).
//   - No key has two actors that take messages at the same time
//     (TestOneActivationPerKey).
//   - Tell never blocks and never panics; a full mailbox answers [ErrFull]
//     (TestFullMailboxRefuses, TestTellWhileSpawning).
//   - A panic costs one message, the one in hand. The actor keeps its state, is
//     started again after a growing delay, and is stopped when it goes on
//     panicking (TestPanicLosesOnlyItsMessage, TestRestartBacksOffExponentially,
//     TestActorThatKeepsPanickingIsStopped).
//   - Ask ends with its context at the latest, and at once when the message is
//     refused (TestAskEndsWithItsContext, TestAskIsAnsweredWhenTheActorPanics,
//     TestAskIsAnsweredWhenTheActorStops).
//   - An actor sees the newest notice of every subject before the next message it
//     handles (TestNoticeComesBeforeTheNextMessage).
//   - Close ends everything: what is queued is handled, batches are flushed,
//     timers stop, and no goroutine is left (TestCloseDrains, TestMain).
//
// # Messages
//
// An actor's messages have one type M per kind, usually an interface with one
// struct per command. They travel unboxed. Those that somebody waits for carry a
// [Reply] and implement [Refuser].
//
// # Failure
//
// What a Behavior panics with is wrapped in a [PanicError], which names the kind
// and the error but never a message's contents. Logs follow the same rule; keys
// of actors appear at debug level only.
package actors
