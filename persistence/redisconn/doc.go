// Package redisconn is a node's one way to Redis: it understands the URL, finds
// out whether there is one server or a Cluster, sends commands of many callers in
// one pipeline, bounds each by a deadline, asks the breaker before and tells it
// after, and names every key and channel.
//
// Commands go through lanes: one for a server, one for each node of a Cluster. A lane
// takes all that waits, sends it as one pipeline, and the next gathers while that is under way.
// Nobody waits for a timer: a lone caller is served at once, on its own goroutine if it
// may be ([Conn.DoHere]), and many share a round trip.
//
// # Guarantees
//
//   - A command runs at most once. One whose answer was lost is not sent again;
//     its caller learns that it may have run (TestLostAnswerIsNotAskedForAgain).
//   - A caller waits no longer than [Config.Timeout] and leaves when its context ends,
//     whatever Redis does: refuse, hang, or accept and say nothing
//     (TestHangingServerHoldsNobody, TestCallerThatLeaves, TestDoHere). A command that had not been
//     sent when its caller left is not sent at all (TestWhatNobodyWaitsForIsNotSent).
//   - Callers that share a pipeline get each its own answer; the error of one is
//     nobody else's (TestCallersShareAPipeline). Commands of one caller that
//     waits for each answer run in order; nothing else is promised.
//   - What waits is bounded in number and bytes (TestOverload,
//     TestOverloadInBytes), and so is a pipeline (TestPipelinesAreBounded).
//   - While the breaker is open every call fails at once (TestBreakerRefusesAtOnce). A
//     pipeline counts once (TestBreakerCountsPipelines), and an error reply is an answer
//     unless the server gives it to everything (TestAnsweredAndReason).
//   - In a Cluster commands follow their slots while these move (TestClusterSlotsMove), and
//     a node that hangs holds up no command but its own (TestClusterNodeHangs).
//   - Scripts go by their hash; a server that forgot one is sent the text
//     (TestScriptsAfterTheServerForgotThem).
//   - No error and no log shows a password, also of a URL that is wrong
//     (FuzzURL, TestOpenUserAndPassword).
//   - Two topics never share a key, and the keys of one are in one slot (FuzzNames,
//     TestSlotsAsRedisCountsThem).
//   - [Conn.Close] returns when all goroutines have ended; callers get [ErrClosed]
//     (TestClose).
//
// # Messages
//
// None: a Conn is called directly, by any number of goroutines.
//
// # Failure
//
// [Open] fails with a [ConfigError], a [VersionError] or what connecting failed with
// and what to look at. [Conn.Do] and [Conn.Run] fail with the server's error reply,
// or with one of these: [ErrOverloaded] and an error that wraps breaker.ErrOpen, after which the
// command did not run; [ErrTimeout], [ErrClosed], the context's error or one of the connection, after
// which nobody knows. A lost connection is made anew by the next command; after many that failed
// it may take a second until the next is tried.
package redisconn
