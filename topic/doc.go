// Package topic is where messages meet: one actor per topic and node that
// numbers, keeps and fans out what is published.
//
// A topic is a name. It exists as soon as somebody publishes to it or
// subscribes; its actor is spawned then, and retired when nobody has needed it
// for a while. What lasts is in the [Log].
//
// # Guarantees
//
//   - A receiver of a topic with history sees every number once and in order,
//     also while others publish and while it catches up (TestCatchUpThenLive).
//     What can not be had any more is announced in its place as `truncated`
//     (TestTruncated), also after messages between nodes were lost, repeated or
//     reordered (TestRelayFaults).
//   - Publish returns when the Log has the message, not when anyone has read
//     it. The same [Message] ID within the policy's Dedup is kept and delivered
//     once (TestPublishSameID).
//   - A topic without history delivers at most once, in the order of each
//     publisher; loss between nodes is announced as `stale` (TestStale).
//   - What the relay lost while it was interrupted is made up for as soon as it is
//     back, also if it was the last there was (TestRestored), and so is an event that could
//     not be relayed (TestUnrelayedIsAnnounced). Of 100,000 topics a bounded
//     number asks the Log at once (TestRestoredManyTopics).
//   - A [RenewingLog] that lost its newest events and gives their numbers a second time is
//     found out, and every receiver that saw the first ones is told
//     (TestLogWentBack). [Topics.Recheck] is for a backend that was emptied (TestRecheck).
//   - What every node learns by itself is told its own receivers alone (TestPostLocal), and whoever
//     feeds topics from elsewhere has them told when it was cut off (TestStaleFromOutside). Messages of
//     a [Chain] keep their order when one of them fails (TestChain).
//   - What of a topic with history could not be relayed other nodes are told of as soon as the Relay
//     takes something, and read it from the Log (TestKeptEventsThatWereNotRelayed). So they do with events that are
//     too large for a [BoundedRelay] (TestLargeEventsAreReadFromTheLog). A cleared topic is told to all nodes
//     (TestClearIsToldToOtherNodes).
//   - A policy decides which of several Logs keeps a topic (TestStores).
//   - Frames are checked before they are believed, and numbers that the Log never
//     gave are dropped (TestForgedFrames, FuzzFrame).
//   - A message is encoded once per node, whatever the number of receivers
//     (TestEncodedOnce).
//   - A backend that is down, slow or hangs delays no caller beyond
//     [Config].Timeout (TestLogFails, TestLogHangs).
//   - A panic in a topic's actor answers the message that caused it, and leaves
//     its receivers subscribed (TestPanicKeepsReceivers). One that keeps
//     panicking is stopped, and its receivers are told (TestFailedTopic).
//     A Log that panics costs only what was asked of it (TestLogPanics).
//   - Retiring an idle topic loses nothing (TestRetire), and a receiver of any
//     kind that is too slow is ended or told, never silently skipped
//     (TestLagged).
//
// # Messages
//
//	publish      command, from Topics     answered with a Receipt or an error
//	subscribe    command, from Topics     answered by Outlet.Joined
//	unsubscribe  command, from Topics     answered by Outlet.Left
//	look         command, from Topics     the Log was changed behind the actor
//	appended     event, from the Log      a batch has its numbers
//	fetched      event, from the Log      a stretch of history
//	followed     event, from the Relay    frames of other nodes arrive from now on
//	relayed      event, from the Relay    another node published
//	restored     event, from the Relay    it was interrupted, and is back
//	renewed      event, from the Log      a topic that went back has another epoch
//	missed       event, from Topics       who feeds the topic was cut off
//	sent         event, from the Relay    a frame is out
//	overdue      event, from a timer      a hole did not close by itself
//
// # How a batch gathers
//
// The actor has at most one batch with the Log. What is published meanwhile is
// the next one, so a slow backend gets few and large calls without a timer. A
// Log without I/O ([LocalLog]) is called from the actor itself.
//
// The design speaks of a writer child per topic. A call that comes back as a
// message does the same, and an idle topic costs 1.5 KiB less.
//
// # Between nodes
//
// Each node has its own actor of a topic; the Log orders, the Relay carries. Order
// comes from the events' numbers alone, so a Relay may lose, repeat and reorder:
// a hole is given 50 ms to close by itself, and is then read from the Log. A
// [RelayingLog] sends the frame in the step that numbers, which saves a round trip; with other
// Logs the actor does, after the batch is kept. A node that dies between the two has told nobody: whoever
// learns of its death calls [Topics.Recheck].
// Without history there are only the numbers of the frames, by which loss is noticed.
//
// # Failure
//
// While the Log fails, publishes and subscriptions of topics with history fail
// with an error that wraps [ErrUnavailable]; receivers stay, and are brought up
// to date from the Log when it answers again. Topics without history go on among
// the receivers of a node while the Relay fails; they are told `stale` afterwards.
// A publish that timed out may have been kept: publish it again with the same ID.
package topic
