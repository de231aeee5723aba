// Package storetest proves that a store keeps what the ports of package topic promise.
// One suite serves every store, so that a program may change its store and notice
// nothing. [Log] runs it; a store's own tests call it:
//
//	func TestLog(t *testing.T) {
//		storetest.Log(t, func(t *testing.T) topic.Log { return memstore.New(memstore.Config{}) },
//			storetest.Options{Bubble: synctest.Test, ...})
//	}
//
// # Guarantees
//
//   - Every case can fail: the suite's own test breaks a Log in one way after another
//     and names the cases that notice (TestSuiteCatches).
//   - A correct Log of a few lines passes (TestSuitePasses).
//   - Real time is not assumed to be fake. With [Options.Bubble] nothing waits; without it the
//     cases about age take some tens of [Options.Unit].
//
// Cases are named after the requirement that they show (REP, STR) or the sentence
// of the port. Those of topic.RenewingLog ask nothing of a Log that is none.
//
// Cursors does the same for stores of cursors (TestCursorsSuitePasses, TestCursorsSuiteCatches).
//
// Limits does it for stores of rate limits (TestLimitsSuitePasses, TestLimitsSuiteCatches).
//
// Rosters does so for stores of rosters (TestRosterSuitePasses, TestRosterSuitePassesWithoutBubble,
// TestRosterSuiteCatches); its cases bear the names of PRE and GRP, and of the calls.
//
// # Messages
//
// None.
//
// # Failure
//
// A case that fails says what the Log answered and what it should have. Cases are
// independent: each opens a Log of its own.
package storetest
