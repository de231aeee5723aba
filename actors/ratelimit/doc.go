// Package ratelimit bounds how much of something a key may do: an actor for each limit and key
// in use, which asks a [Store] that all nodes share, and answers by itself what it knows.
//
//	limits, err := ratelimit.Start(ratelimit.Config{System: system, Store: store,
//		Policies: []ratelimit.Policy{{Name: "chat", Points: 10, Interval: time.Second}}})
//	result, err := limits.Consume(ctx, "chat", "address:1.2.3.4", 1)
//
// A limit is a [Policy]: so many points in so much time, counted as a token bucket, in fixed windows or
// in a sliding one; see [Kind] for what each promises. A key is any text of 1 to 512 bytes, such as
// [Policy.Key] makes of a client.
//
// # Guarantees
//
//   - A limit never admits more than its kind promises, over all nodes, however their calls
//     cross, and also with leases (TestMeterNeverAdmitsMore, TestLeaseNeverAdmitsMore; on Redis with
//     connections that are cut: redisstore's tests of limits).
//   - A consume takes all of its cost or nothing (TestCases).
//   - The Store's clock is the only one. What nodes are told are durations, which they count on their own
//     monotonic clock from before they asked (TestCases).
//   - A key that is banned or has too few points is refused without asking, for as long as it is certain
//     that the Store would refuse, and at most for a second: then the Store is asked again, and so what
//     another node does to a key is noticed within a second (TestRefusedWithoutAsking, TestOthersAreNoticed).
//     Nothing is refused that the Store would allow, but for that second after an Unban, Reset
//     or Clear elsewhere (TestRefusesNothingForTooLong). An answer that crosses a Clear of the
//     node is not believed (TestAnswerUnderWayIsNotBelieved).
//   - Consumes of a key that come while the Store is asked go together in the next call, and many keys
//     share a call (TestWaitingGoAsOne, TestKeysShareCalls).
//   - Without the Store nothing is allowed, and nobody waits longer than [Config].Timeout
//     (TestFailsClosed, TestHangingStore, TestStorePanics, TestImpossibleAnswers). What nobody waits for any
//     more is not asked (TestLateIsNotAsked, TestCallerThatLeaves).
//   - Memory is bounded: an actor goes when its key was not asked for for about 10 seconds
//     (TestIdleActorsRetire, TestKeysAreSmall), and beyond a million keys in use on a node further ones
//     fail. The Store loses nothing by that. An idle system runs no timer.
//
// # Leases
//
// With [Policy].Lease a node takes points ahead of a key that is used much, and serves them without asking
// (TestLeaseSavesCalls). It takes as many as it is likely to use: none of a key that is rarely used
// (TestLeaseNotForTheRare), then twice as many as before whenever they were used up in time.
//
// They may be used for a sixteenth of the Interval, a second at most, and in a fixed window not beyond
// its end (TestLeaseEnds). The Store counts them as used when they are leased; a bucket does not refill their
// place, and a sliding window counts them as used at the last moment, while they can be used. So nothing can be had
// twice, and what is not used in time is lost: the price is that
//
//   - others can be refused while a node holds points that it does not use,
//   - a ban or reset by another node takes effect after up to a second,
//   - a consume that costs more than the node holds is decided by what the Store has left (TestLeaseTooSmall),
//   - a Store that fails is noticed after what is leased, or its time, is used up,
//   - points of a sliding window come back up to an eighth of the Interval late, without leases a sixteenth.
//
// A ban on the node itself ends its lease at once (TestBanEndsLease).
//
// # Messages
//
//	consume  command, from Limits      answered with a Result or an error
//	alter    command, from Limits      a ban, unban or reset
//	forget   command, from Limits      all keys of a limit were cleared
//	take     event, from a line        what the Store said to consumes that it was asked together
//	altered  event, from the Store     what became of an alter
//
// A line gathers what actors want while the Store is asked, and calls it for many keys at once.
//
// A key's actor shows what it knows to those who consume, so that most of what is refused or leased does
// not pass through its mailbox.
//
// # Failure
//
// An error of Consume, Ban and the others that wraps [ErrUnavailable] comes from the Store, from a mailbox that is
// full, or from time: nothing was allowed, and it is unknown whether the Store counted it. A store that was emptied has
// all points again. [Limits.Close] answers what it has taken (TestClose), and gives up a Store that hangs when its
// context ends (TestCloseOfHangingStore).
package ratelimit
