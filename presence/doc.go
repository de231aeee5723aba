// Package presence is who is on a topic, in the whole cluster: an actor per topic and
// node, members that many connections and many nodes share, and receivers that hear of
// each change once.
//
//	here := presence.Of[User](node.Presence(), "room:42")
//	session, err := here.Join(ctx, "ann", User{Name: "Ann"})
//	for change, err := range here.Watch(ctx) { ... }
//	session.Leave()
//
// A member is a user, told apart by Policy.Key or the identity. What others see of him
// is his data after Policy.Select, which by default drops what looks like a secret.
//
// # Guarantees
//
//   - One join per member however many tabs and nodes he has, one leave when the last is
//     gone; his newest session decides what others see, and the older one's data comes back
//     when it ends (TestCases/PRE-03, PRE-05, PRE-13).
//   - Whoever enters is sent the whole roster, himself included, then every change in the
//     order of the versions, which are consecutive and the same on all nodes. Where a
//     version was missed, the roster comes again as a state (TestCases/PRE-01, TestLostFrames,
//     TestModel).
//   - A crashed node's members leave when a survivor buries it, a few seconds later (see
//     package lease), each told once, also if a second survivor begins anew
//     (TestCases/PRE-20).
//   - Who returns within Policy.Grace never left, on whichever node he returns (TestGrace).
//   - Users without identity never merge (TestAnonymousNeverMerge).
//   - A backend that was emptied is filled again, and a node that was taken for dead shows
//     its members anew (TestCases/PRE-28, TestTakenForDead). What nobody answers for is
//     dropped (TestOrphans).
//   - What a join or a leave costs does not depend on how many are there; the roster is
//     written out once per change, however many are sent it (TestCases/PRE-18, BenchmarkJoinLeave).
//   - All rosters converge after faults of every kind between nodes and store (TestModel).
//
// # Events
//
// Receivers of Name(topic) are sent presence_state, an object of all members by key, then
// presence_diff {"joins":{},"leaves":{}}; a changed member comes as a join. Both carry the
// version. Changes that come close together are one diff, and a join and a leave within
// it cancel out (TestCases/PRE-33). heartbeat, the keys of all members, is sent where
// Policy.Heartbeat says so.
//
// # Failure
//
// While the backend fails, Join fails within Config.Timeout, or its context, and leaves no
// trace (TestJoinFailsFast, TestHangingStore). What the gateway does with Enter and Exit is
// made up for when the backend is back: a client that subscribed during an outage appears
// then, one that closed leaves then (TestCases/PRE-27). Receivers keep what they have seen.
//
// There are no messages of its own: the actor is that of package roster.
package presence
