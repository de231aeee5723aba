// Package web is what a newcomer sees first: the page of a node, and the
// browser client that others copy.
//
// The page is a chat room on a topic. It shows the history, who has announced
// themselves, the frames of its own connection and the figures of the node, and
// says what happens when the node goes away. Everything is embedded; the page
// loads nothing from elsewhere and runs no script or style that is written into
// it.
//
// # What it serves
//
//   - / is the page, /assets/ what it is made of.
//   - /troupe.js is the client: one module without dependencies.
//   - /stats is a [Stats] as JSON.
//
// # Guarantees
//
//   - Answers carry a content security policy that names only the node itself,
//     and the page lives with it (TestPolicyForbidsWhatIsNotServed,
//     TestPagesChatAcrossARestart).
//   - Browsers keep files and are told when one has changed
//     (TestFilesAreKeptUntilTheyChange).
//   - The client shows every event once and in order, stores every publish once
//     or rejects it, and keeps to the close codes (TestClientInABrowser).
//   - Two pages find back after kill -9, show every message once and say that
//     the memory is gone (TestPagesChatAcrossARestart).
//   - A publish whose answer was lost is stored once
//     (TestLostAnswerIsStoredOnce).
//   - While a backend of the node is down the page says so, also one that is
//     opened meanwhile, and no longer (TestOutageIsShown). It says whether the node
//     is one of a cluster or has all in memory (TestMemoryIsTold).
//   - What others send is shown as text (TestMarkupStaysText).
//   - What the page tells to type works as it stands (TestSnippetsWork).
//   - It works at 360 pixels, with the keyboard alone, and in the dark
//     (TestPhone, TestKeyboardAlone, TestDark).
//
// # Failure
//
// While the node is away the page keeps what is written and sends it when the
// node is back. The figures say that they are old. A publish that the node
// refuses stays on the page with the reason and a button to send it again.
package web
