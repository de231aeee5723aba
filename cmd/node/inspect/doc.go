// Package inspect shows people on the machine of a node what the node knows: who
// is in the cluster, how its backends are, how many topics are awake. It serves a
// plain page under /debug/, and the same as JSON.
//
// # What it serves
//
//   - /debug/ is the page, which loads itself again every 5 s.
//   - /debug/members, /debug/health and /debug/topics are JSON.
//
// # Guarantees
//
//   - It answers only those who call from this machine under a name of this
//     machine, and nobody whom a proxy let through (TestOnlyFromHere).
//   - Whatever other nodes say of themselves is shown as text (TestMarkupStaysText).
//   - It changes nothing, and answers GET and HEAD only (TestAnswers).
//
// # Messages
//
// None; it asks its [Source] for each request.
//
// # Failure
//
// A request from elsewhere is answered with 403 and a sentence.
package inspect
