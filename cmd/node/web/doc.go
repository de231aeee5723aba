// Package web is what a newcomer sees first: the page of a node, and the
// browser client that others copy.
//
// The page is a chat room on a topic, chat:<room>. It shows the history, who is
// there, everybody's pointer on a stage, which is the topic demo:<room>, five seats,
// which are the group lobby:demo, the frames of its own connection and the figures
// of the node, and says what happens when the node goes away. Everything is embedded; the page
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
//     or rejects it, and keeps to the close codes. Who is there, pointers and groups
//     are as the node says, also after a reconnect (TestClientInABrowser).
//   - Pages show who is there, in the whole cluster; the windows of one browser count
//     once (TestWhoIsHere, TestManyAreANumber, TestWindowsOfOnePersonCountAsOne).
//   - A pointer, a mouse's or a finger's, moves on the other pages and goes with its
//     page (TestPointersMoveOnOtherPages, TestFingerPoints).
//   - Of six who want a seat the sixth is told that all are taken (TestFiveSeats), and
//     who presses faster than the node takes it is told to wait
//     (TestRipplesAreLimited).
//   - The user of a killed node leaves the other pages within ten seconds. The page
//     goes on with another node of the cluster on the same machine and is back, its
//     pointer and its seat too (TestKilledNode); if it is quick, it has never left
//     (TestPageGoesOnAtOnce).
//   - Two pages find back after kill -9, show every message once and say that
//     the memory is gone (TestPagesChatAcrossARestart).
//   - A publish whose answer was lost is stored once
//     (TestLostAnswerIsStoredOnce).
//   - While a backend of the node is down the page says so, also one that is
//     opened meanwhile, and no longer (TestOutageIsShown). Seats are not given, and it
//     says so; pointers go on between the pages of a node (TestSeatsWithoutBackend).
//     It says whether the node is one of a cluster or has all in memory
//     (TestMemoryIsTold). On topics that have none of this it does without
//     (TestPlainTopics).
//   - What others send is shown as text (TestMarkupStaysText).
//   - What the page tells to type works as it stands (TestSnippetsWork).
//   - It works at 360 pixels, with the keyboard alone, and in the dark
//     (TestPhone, TestKeyboardAlone, TestDark).
//
// # Failure
//
// While the node is away the page keeps what is written and sends it when the
// node, or another of its cluster, is back. Who was there stays on the page, faint. The figures say that they are old. A publish that the node
// refuses stays on the page with the reason and a button to send it again.
package web
