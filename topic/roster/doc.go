// Package roster is what presence and groups are made of: a list of members that all nodes
// of a cluster share, with an actor per list and node. Who is on a list is kept by a Store,
// which numbers the changes; an actor knows the list at some version, tells its receivers of
// each change, and has the Store say of this node's members what they want it to say.
//
// # Two halves of an actor
//
// What the list is (state.go) follows the Store: versions are taken one after the other; one
// that is missing is waited for a moment, then the whole list is read again.
//
// What this node wants to show (local.go) is compared with what the Store was told, and the
// difference is written in batches: while one is with the Store, the next gathers. A join and a
// leave are therefore the same thing, a batch may be repeated, and whatever is in doubt, after a
// call that failed, a lost epoch or a new life of the node, is written again. There is no
// undoing anywhere.
//
// # Lives
//
// The Store knows members by the life of the node that shows them (package lease: a node that
// was taken for dead goes on under another). Nothing of a member expires by itself; when a
// node dies, a survivor has its life buried, and the Store refuses that life from then on. So a
// list needs no heartbeat per member, and an idle one costs a look per minute and node.
//
// # Guarantees
//
//   - A join that returned is on the list for all nodes, and on this node's before the joiner is
//     answered. One that failed leaves no trace, unless it is to last (TestAnswersLost,
//     TestHangingStore).
//   - A leave takes effect, if need be when the backend is back (TestShutWithALeaveUnderWay, and
//     the random plans of package presence).
//   - Rules.Max is never exceeded, on however many nodes they join (TestFull, storetest).
//   - Versions are told in order and without a hole; where one is missing the whole list is told
//     instead (TestHoles, TestLastFrameLost, TestForeignEpoch).
//   - What is said on a list reaches members at most once, in the order of each node; a loss
//     is announced as `stale` (TestSayIsInOrderAndLossIsTold).
//   - A closed list ends everybody's session, also those that are on their way (TestShut,
//     TestShutWithJoinsUnderWay).
//   - A node that was taken for dead shows its members anew (TestReborn, TestBuriedWhoDoesNotKnow);
//     what nobody answers for is dropped (TestOrphans, TestOwnGhosts).
//   - A panic costs no member (TestPanics). Frames are checked before they are believed
//     (TestFramesThatAreNone, FuzzFrame).
//   - The list of every node converges with the Store: the random plans of packages presence and
//     group.
//
// # Messages
//
//	join, leave    commands, from Rosters    answered by done, Outlet.Joined, Outlet.Left
//	watch          command, from Rosters     answered by Outlet.Joined
//	read, locals   commands, from Rosters    answered with the list, with this node's sessions
//	say            command, from Rosters     answered by done
//	reborn, check  commands, to all          the life changed; the Store may have changed
//	reread         command, from Rosters     it was closed or opened here
//	applied        event, from the Store     a batch was written, or was not
//	loaded         event, from the Store     the whole list
//	checked        event, from the Store     where it stands
//	buriedOrphan   event, from the Store     what nobody answered for is gone
//	followed       event, from the Relay     frames arrive from now on
//	relayed        event, from the Relay     a version, a word, or that the list was closed
//	restored       event, from the Relay     frames may be lost
//	said           event, from the Relay     words are out
//	overdue, retry, paced, look, beat, expired   events, from timers
//
// # Failure
//
// While the Store fails, what is to be written waits and is tried once a second, and at once
// for each new join; joins that do not last fail. Receivers keep what they have.
//
// # A roster of its own beside topics
//
// Design.md has presence reach receivers through a topic. It does so through topic.Fanout, not
// through a topic's actor: the order of the snapshot and the changes that follow comes then
// from one actor, and a room with presence has one less.
package roster
