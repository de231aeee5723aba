// Package cursor shows where the users of a topic point: positions that change many
// times a second and of which only the newest counts. A topic's cursors are a board, which
// every node keeps for itself, by an actor, while somebody there looks or moves.
//
// # Guarantees
//
//   - The first move of a cursor is seen at once; of those within [Policy].Throttle the last
//     is seen at its end (TestCases, TestBoard). Receivers get at most one frame with moves in
//     a [Policy].Tick of a topic, from however many movers and nodes (TestCases). With neither,
//     every move is seen on its own node; other nodes get the newest whenever the last
//     frame is out.
//   - After a removal no older position is seen, however frames are repeated, reordered and
//     lost (TestRemovalIsNotOvertaken), also when it was asked for while the backend was
//     down: it is done when that is back (TestFailureCases).
//   - All nodes, and what the Store has, come to agree, whatever was lost on the way
//     (TestRandomPlans, TestBoardsAgree): at once where a later frame, or the Relay, tells of the
//     loss; else within the time that its mover was silent before, at most [Policy].TTL.
//   - A receiver is given a `snapshot` first, and whenever frames were missed that
//     changed something (TestLostFrames). Applied in their order, events give the board
//     (TestJoinWithinTick, TestPanic).
//   - The Store is written a few times a second and topic, however much moves (TestSavesAreFew). One
//     that is slow misleads other nodes for no longer than it takes (TestSlowStore), and one that
//     was emptied is filled again by Recheck (TestRecheck).
//   - The cursor of a dead node is gone with Forget, and does not come back (TestForget); of a
//     node that nobody declares dead, and of a silent client, after TTL and at most a second
//     (TestCases).
//   - What is shown of a user was selected, by default without secrets (TestCases).
//   - A board has at most [MaxCursors] cursors and [MaxBoardBytes]; more are refused (TestBounds),
//     and so is what is not JSON (TestRefusals). What comes from other nodes is checked in
//     the same way (TestForgedFrames, FuzzFrame).
//   - Move never waits, and costs no message while others wait to be looked at
//     (TestInboxTells, BenchmarkMove). A client can make the actor work once a Tick, not more.
//   - A board without cursors runs no timer, whoever looks at it, and one that nobody
//     needs has no actor (TestCases).
//
// # Messages
//
//	moved      event, from the inbox      a cursor of this node moved or was removed
//	attach     command, from Boards       answered by Outlet.Joined
//	detach     command, from Boards       answered by Outlet.Left
//	snapshot   command, from Boards       answered by DirectOutlet.DeliverTo
//	lookUp     command, from Boards       answered with the cursors or an error
//	forget     command, from Boards       a node is dead
//	recheck    command, from Boards       the Store lost something, or the life is another
//	quit       command, from Boards       the node stops
//	followed   event, from the Relay      frames of other nodes arrive from now on
//	relayed    event, from the Relay      cursors of another node moved
//	restored   event, from the Relay      it was interrupted, and is back
//	sent       event, from the Relay      a frame is out
//	saved      event, from the Store      changes are kept
//	loaded     event, from the Store      what all nodes have kept
//	looked     event, from the Store      the same, for somebody who asked
//	due        event, from the timer      a tick is over, a throttle, a life, a wait
//
// # What counts
//
// Every change of a cursor has a number: the time in microseconds, and always more than the
// key's last one. Of a key the change with the highest number counts, by whatever way and in
// whatever order it comes: frames, the Store, and what this node does itself go through one
// rule. Removals are remembered for a TTL, so that they count too. A cursor that the Store should
// have and does not is taken for removed, until the Store has it, or its mover's node says more.
//
// Frames are numbered for each actor. A missing number has the board read from the Store, and
// again when the Store must have what was relayed: it is written a fifth of a second later. After
// its last move a node says a few times, at growing distance, how many frames there were.
//
// # Failure
//
// While the Relay or the Store fails, the cursors of a node go on among its own receivers; who
// joins sees those. What changed meanwhile is told when they are back. List fails with an error
// that wraps [ErrUnavailable], unless the node follows the board already. A node that ends
// without Close leaves its cursors until somebody calls Forget, or they expire.
//
// A panic in the actor costs what was in hand: receivers are given the board anew (TestPanic).
package cursor
