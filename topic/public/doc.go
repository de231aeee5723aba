// Package public decides what of a user's data may be shown to other users, where
// the program does not decide it itself: presence, cursors and groups share it.
//
// # Guarantees
//
//   - Members of objects whose name says that they are secret are gone, at every depth
//     and however the name is written: in capitals, with escapes, twice
//     (TestCases, TestStrip).
//   - Everything else comes back byte for byte (TestStripKeepsBytes).
//   - Data that is not JSON in UTF-8, or is nested deeper than MaxDepth, is shown as null;
//     none makes it panic (TestHostile, FuzzStrip).
//   - Stripping twice is stripping once, and nothing secret is left (FuzzStrip).
//
// # Messages
//
// None: functions without state, safe for concurrent use.
//
// # Failure
//
// There are no errors: what can not be understood is null.
package public
