// Package wire is how the load client speaks to each server: what to send, and
// what an answer says. It holds bytes only, no connection.
//
// # Guarantees
//
//   - The same payload reaches every server, and none is asked for a thing that
//     another is spared: each publish and each subscription is acknowledged.
//     TestAdaptersAskForAnswers.
//   - A refusal is never taken for an answer: TestRefusalsAreErrors.
//
// To add a peer, write its [Protocol] here and its server in bench/peers.
package wire
