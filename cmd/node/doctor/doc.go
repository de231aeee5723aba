// Package doctor looks at a running Redis server or Postgres database and says what in its
// settings and its state weakens what Troupe promises, and what to run to change it.
//
// # Guarantees
//
//   - Every finding says what is, what that does to the guarantees, and, unless
//     all is well, what to do (TestFindingsAreWhole).
//   - The judging is a function of what was learned, without I/O (TestJudge,
//     TestJudgePostgres).
//   - What a server does not let be seen is told as such, and is no failure: a
//     managed Redis forbids CONFIG (TestForbiddenConfig).
//   - A command that Troupe needs and this user may not run is found by running
//     it on keys of its own under the prefix, which are removed (TestMissingRights,
//     TestNeededIsWhatScriptsUse, TestLeavesNothingBehind).
//   - What of the schema in Postgres this user may not use is named (TestPostgresRights), and
//     whether LISTEN works is found by a notification to oneself (TestEmptyDatabase).
//   - A whole examination is bounded by its context, and by a deadline for each
//     question (TestHangingServer, TestHangingDatabase).
//   - Nothing of it shows the password (TestSecretStaysHidden,
//     TestPostgresSecretStaysHidden), and nothing that a server says moves the cursor (TestJoin).
//
// # Messages
//
// None; there is no actor here.
//
// # Failure
//
// Examine and ExaminePostgres fail only where there is nothing to examine: the URL is not right, or
// nobody answers. Everything after that is a finding.
package doctor
