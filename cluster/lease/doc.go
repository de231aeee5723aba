// Package lease keeps the membership of a cluster: who is there, who has died, and
// who cleans up after the dead. A node is a member as long as it renews its lease
// in a [Registry], which has the only clock that counts.
//
//	agent, err := lease.Start(ctx, lease.Config{Registry: registry, Self: lease.Member{ID: "a"}})
//	agent.OnCleanup(func(ctx context.Context, dead lease.Member, fence uint64) error { ... })
//	defer agent.Close(ctx)
//
// # Guarantees
//
// Times are those of the default Config: a lease of 6 s, renewed every 2 s.
//
//   - A node that is killed is claimed by a survivor 3.75 to 6.25 s later, plus two
//     round trips: its lease runs out 3.75 to 6 s after its end, and every survivor looks
//     within 0.25 s of that (TestDeathIsFoundInTime). A survivor that was itself
//     kept from renewing less than 6 s ago leaves it to the others; if all were, as after an
//     outage, it is found up to 8 s after the first of them is back.
//   - A node whose renewals come less than 6 s apart is never declared dead,
//     whatever its clock or the backend's shows (TestMembershipHolds, TestClocks).
//   - A lease that has run out but was not claimed is renewed as if nothing had been.
//     A node declares others dead only after it has itself renewed for 6 s without
//     a failure, a gap or a jump of the backend's clock. So an outage of the backend,
//     however long, costs no node its lease if all are back within 6 s of
//     the first (TestOutageLosesNobody).
//   - One survivor at a time holds the claim on a dead node, and each claim has a larger
//     fence than all before it (TestOneCleaner, TestMembershipHolds). A cleaner that dies
//     or fails is followed by another when its claim runs out, after 30 s
//     (TestCleanerDies, TestHookFails); one that leaves, at once (TestCleanerLeaves).
//   - A node that was taken for dead finds out with its next renewal, and goes on under
//     another incarnation, which it shows once that has a lease (TestSelfHasALease); the old one
//     never comes back (TestPausedNodeIsReborn),
//     also if the backend loses the claim: by going back to before it (TestRisen), or
//     by being emptied, whoever dies with it (TestEmptiedWhileClaimed). One exception is left: the
//     backend goes back to before the claim, say by a failover, and the claimant dies before
//     it renews and before any other survivor has seen the claim.
//   - An emptied backend is noticed within 2 s of its return. Members keep their
//     incarnations, and nodes that died meanwhile are still cleaned up after
//     (TestEmptied). One whose lease has run out by the time it finds out takes another
//     incarnation, since it can not know whether it was claimed before: all that were
//     kept from renewing for 6 s, as by an outage that ends with an empty backend
//     (TestEmptiedTogetherWithOutage).
//   - A listener or hook that panics, fails or hangs costs no lease (TestListenersAreIsolated).
//   - A node that stops without having cleaned up behind itself can leave that to the others
//     (TestAbandon). Gone is said only of lives that are certainly over, or have only just begun
//     (TestGone).
//
// # One ID, two processes
//
// A node that crashed and starts again within 6 s finds the lease of its former
// life. It lets it run out: the former life is cleaned up after like any other, and
// clients that come back at once are not seen to leave (TestRestartWithinTTL). Two
// living processes with one ID both stay members, under two incarnations. Taking the lease away
// would make them take it from each other for ever; instead each logs an
// error and tells of a [Change] of kind [Doubled] when it has seen the other renew
// twice (TestDoubledID).
//
// # Messages
//
// None: the Agent is one goroutine that renews, one that tells listeners, and one
// for each cleanup under way.
//
// # Failure
//
// While the backend fails the members stand still as they were last seen. A renewal that
// failed is tried again after 0.25 s, then less and less often down to once a second, each time
// for at most a second; that is also what probes a breaker between Agent
// and backend. It should let a call through at least every two seconds.
package lease
