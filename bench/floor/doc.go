// Package floor is the least that a server can do: one loop that waits with
// epoll and calls write(2) with prepared frames. It has no protocol worth the
// name, no limits, no second core and no mercy for slow receivers, and exists
// only to show what no real server can beat on the machine at hand, measured by
// the same client in the same run.
//
// Publishes that were read together are laid end to end and leave in one write
// per receiver, so that it is the floor of a batching server too.
//
// # Guarantees
//
//   - Receivers of a topic get every publish once and in order, and those that
//     come late what they missed: TestPublishReachesReceiversAndLateOnesCatchUp.
//   - It listens on this machine only: TestServesLoopbackOnly.
//
// # Ownership
//
// [Serve] does everything on the goroutine that calls it and frees all sockets
// before it returns.
package floor
