// Package inproc has the benchmarks that need no client: programs that use
// Troupe as an embedding service does, alone or over Redis or Postgres. Each runs in a process of its
// own, so that its memory is its own, and returns figures by the keys of
// package report.
//
// # Guarantees
//
//   - A program fails rather than report figures of something else than it was
//     asked for: topics that retire before they are counted, publishes that are
//     refused, actors that never retire. TestProgramsCountWhatTheyDid.
//   - What a node relays to another is checked for loss, doubles and order:
//     TestProgramsOverRedis, TestProgramsOverPostgres.
package inproc
