// Package child lets the bench program start itself again in another role: as
// the floor, or as a program of bench/inproc. The role stands in an environment
// variable, so that a test binary can play it, too: its TestMain calls [Main]
// first.
//
// # Guarantees
//
//   - A process without a role goes on as if nothing had been called, and one
//     with a role it does not know fails: TestRoles.
package child
