// Package membus carries frames between the nodes of one process: for tests of what
// nodes do together, and for programs that embed several. It can do to frames what a
// network does, and needs no time to do it: in a testing/synctest bubble delays pass
// at once.
//
//	bus := membus.New()
//	defer bus.Close()
//	a, b := bus.Node("a"), bus.Node("b") // both are a topic.Relay
//
// # Guarantees
//
//   - A Node is a topic.Relay in every respect that bustest checks, in real time
//     (TestRelay) and in bubbles (TestRelayInBubble).
//   - Without [Faults] nothing is lost, repeated or late, and a node receives frames in the
//     order in which they were published (TestPlain).
//   - With Faults the same seed and the same calls give the same faults (TestFaultsRepeat);
//     delayed frames keep their order unless Reorder is set (TestDelayKeepsOrder).
//   - A node that was disconnected, or apart from others, is told at the end of it
//     (TestDisconnect, TestPartition).
//   - There is no goroutine of its own, only timers; after Close none of them fires
//     (TestClose).
//
// # Messages
//
// None: a Sink is called on the publisher's goroutine, or on a timer's if the frame
// was delayed. Calls for one node never overlap.
//
// # Failure
//
// What Faults drop is lost silently, as on a network; receivers notice by what is
// inside of the frames that follow. Queues of delayed frames are not bounded: faults are for
// tests.
package membus
