// Command node runs a Troupe node: topics with history, presence, cursors and groups for
// realtime messaging, over WebSocket, with a page to try it. Run node --help to see what it can do.
//
// # Guarantees
//
//   - Without a file, a flag or a variable it serves this machine alone, and says
//     where to look and that nobody is asked who they are (TestDefaultsServe).
//   - A flag wins over the environment, that over the file, that over the
//     default (TestPrecedence). Everything wrong is told at once, with exit code 2
//     (TestRefusals).
//   - Without authentication it binds loopback addresses only, and answers no
//     request that was sent to another name (TestHostGuard).
//   - With auth.jwt only those whose token is believed get what the topics grant
//     (TestAuthentication).
//   - The HTTP API answers whom it may, and nobody without a key where clients have to say who
//     they are (TestAPI, TestAPIKeys).
//   - On SIGTERM and SIGINT it is no longer ready, sends clients away with 1001,
//     and ends with exit code 0 within the drain timeout (TestGracefulStop,
//     TestReadiness). A second signal ends it at once (TestSecondSignal).
//   - After kill -9 it starts again on the same port; clients are told by the
//     epoch that the history in memory is gone (TestKillAndRestart).
//   - With --redis or --postgres it is one of a cluster: what is published on one node is
//     delivered on all in one order (TestClusterDelivers); a node that is killed is
//     found dead (TestKilledNodeIsFoundDead), one that was paused comes back under a
//     new incarnation (TestPausedNodeComesBack), one that stops leaves at once
//     (TestStoppedNodeLeaves). node members shows them (TestMembersOfTwo).
//   - Presence, cursors, groups and limits are what the file lists; without any there are some
//     to try it with (TestRoomsOfTheDefault, TestRoomsOfAFile).
//   - Users on different nodes see each other, and go when their node dies (TestPresenceAcross). Clients of
//     a node that is started again go on from where they were (TestResumeAfterRestart).
//   - With both, topics are kept where their entry of the file says (TestStores).
//   - What Postgres notifies on channels of the file, and what transactions left in the outbox, reaches the clients
//     of every node (TestBridgeOfANode).
//   - While Redis or Postgres is down it is alive but not ready (TestReadyzFollowsRedis,
//     TestReadyzFollowsPostgres, TestReadyzFollowsBoth).
//   - The passwords in their URLs show nowhere (TestRedisSecretNowhere, TestPostgresSecretNowhere).
//   - node pg makes the schema and says how it is (TestPgMigrateAndStatus), prints, installs and removes
//     triggers (TestPgTrigger), and sees to dead letters (TestPgOutbox). What is wrong is told by the name of the
//     flag, and nothing hostile reaches the database (TestPgRefusals).
//   - Every line it writes goes through its logger (TestLogsAreJSON).
//   - The names of its metrics are listed in testdata/metrics.txt (TestMetrics).
//   - The packages of the module keep to their floors and rooms (TestFloors,
//     TestFloorsCatches), and have the docs they need (TestPackageDocs).
//
// # Paths
//
//	/          a chat room to try it, with live figures from /stats
//	/troupe.js the client for web pages
//	/ws        the client protocol
//	/healthz   200 while the process lives
//	/readyz    200, and 503 while the node drains or a backend is down
//	/metrics   for Prometheus
//	/api/v1/   the HTTP calls, for callers with a key of auth.apiKeys; without auth, for those on this machine
//	/debug/    members, backends, channels and topics, for callers on this machine
//
// # Messages
//
// None; actors live on the floors below.
//
// # Failure
//
// Exit code 2 means that the command line or the configuration is wrong, 1 that
// something failed while running, such as the port being taken. node doctor ends with
// 1 if it found something that breaks a guarantee, and with 2 if it could not connect; node pg
// status ends with 1 if the schema is not up to date.
package main
