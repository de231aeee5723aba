// Package inproc has the benchmarks that need no socket: programs that use
// package topic as an embedding service does. Each runs in a process of its
// own, so that its memory is its own, and returns figures by the keys of
// package report.
//
// # Guarantees
//
//   - A program fails rather than report figures of something else than it was
//     asked for: topics that retire before they are counted, publishes that are
//     refused, actors that never retire. TestProgramsCountWhatTheyDid.
package inproc
