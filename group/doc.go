// Package group is rooms with a list of members that the server keeps: roles, a bound
// on how many, events to all, to a role or to one, metadata, and an end.
//
//	groups, err := group.Start(group.Config{System: system, Store: memstore.NewLocalRosters()})
//	seat, err := groups.Join(ctx, "lobby:1", group.Joiner{Identity: "ann", Role: "admin"})
//	err = groups.Publish(ctx, "lobby:1", "start", data, group.Role("member"))
//
// A member is a key: an identity with all its connections on all nodes, or one
// connection, as the [Policy] says. Groups stand on rosters (see the package
// topic/roster), which the nodes of a cluster share through a [Store]; what happens
// reaches members through their topic.Outlet, on the topic that [Name] gives.
//
// # Guarantees
//
//   - A group never has more members than its policy's MaxMembers, on all nodes together,
//     through outages, lost answers and nodes taken for dead (TestModel, TestMany,
//     TestCases/full). Who joins again needs no further place.
//   - Who joins again, here or elsewhere, is one member, and keeps the role that it has
//     until it has left (TestCases/GRP-02). Joins of one key with different roles that meet
//     on two nodes at once end with the same one on all.
//   - Join and Enter answer when the member is in the group for all to see. A join that
//     failed, was given up or met its group's end leaves nothing behind (TestCases/GRP-16,
//     TestSeats, TestClosedWhileJoining).
//   - A joiner hears first its own `join`, then `members`; then every change once and in order,
//     or `members` again where changes were missed (TestCases/GRP-23, TestModel). Those who
//     join at once share the list (TestMembersOnce).
//   - What the program publishes is heard at most once by each connection that is meant, in
//     the order of each node, and by nobody else (TestCases/GRP-06, TestCases/GRP-08).
//     What was lost between nodes is announced as `stale`.
//   - The group's own events have "system":true, and nothing else has, whatever its name
//     (TestCases/GRP-19, TestForgedWord).
//   - A group that was closed has no members, and takes none and nothing until Reopen or the
//     end of the policy's ClosedFor (TestCases/GRP-11, TestCases/GRP-13, TestReopensByItself,
//     TestReopenedAtOnce). A close that failed midway is completed by another
//     (TestCases/GRP-12).
//   - Members of a node that died leave when it is buried, once; until then they hold their
//     places, and nobody else's (TestCrash). A node taken for dead shows its members
//     again, and who has lost its place to another meanwhile is told Left (TestReborn,
//     TestPlaceLost).
//   - A backend that fails delays no join beyond Config.Timeout; a leave meanwhile takes effect
//     when it is back (TestCases/GRP-17). One that lost everything is filled anew (TestEmptied).
//   - The hooks of a node say of each member that it came before they say that it went, as often
//     (TestHooks, TestModel, TestAgainWhileClosing). A slow or panicking hook holds up no group
//     (TestSlowHook, TestHookPanics, TestHooksThatAreTooSlow).
//   - A record that no node wrote makes no frame that is not JSON (TestPoisoned).
//   - Members never see what looks like a secret in another's data (TestShown), and
//     no identity can have the key of a connection (TestKeys).
//   - A group that nobody uses costs nothing (TestIdle).
//
// TestCases runs them on one to three nodes in memory, TestCasesOnRedis, TestCasesOnCluster and
// TestFailuresOnRedis over Redis.
//
// # Messages
//
// What members are sent, each with "system":true behind its data:
//
//	members  [{"key":K,"role":R,"data":D},...]           everybody: replace what is known
//	join     {"key":K,"role":R,"data":D,"count":N}       somebody joined; with a key that is
//	                                                     there already, role or data changed
//	leave    {"key":K,"role":R,"count":N}                somebody left
//	close    null                                        the group is over
//
// N is the number of members after it. In one step several may come and go; each of
// its events counts on from the one before.
//
// # Failure
//
// Errors are sentinels for errors.Is, such as [ErrFull], with the data of *[RoleError],
// *roster.FullError and *topic.InputError where there is any. A join that failed with
// [ErrUnavailable] or by its context may be tried again. Hooks that wait at the end of
// the process, or beyond [MaxCalls], are lost.
package group
