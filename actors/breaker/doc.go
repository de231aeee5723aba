// Package breaker watches one backend's health and stops calls to it while it
// does not answer, so that nobody waits for what will not come.
//
// A [Breaker] is healthy, broken or probing. So many failures in a row break it;
// while it is broken calls are refused with [ErrOpen]; after a while it probes,
// which lets one call through, and that call's outcome heals it or breaks it again.
//
//	redis, err := breaker.New(system, breaker.Options{Backend: "redis"})
//	client := goredis.NewClient(&goredis.Options{Limiter: redis.Gate()})
//
// # Guarantees
//
//   - A healthy breaker costs a call two atomic reads (BenchmarkGate).
//   - The call after the last failure that was borne is refused already; nothing
//     is decided in the background (TestBRK01ConsecutiveFailuresBreak).
//   - One probe at a time; one that is never reported frees its place after
//     ProbeTimeout (TestBRK08AbandonedProbeFreesTheSlot).
//   - A call in [Breaker.Do] that hangs is a failure at its deadline
//     (TestHangingCallCountsAtItsDeadline).
//   - Every transition is announced to all actors of the system as a [Health] and
//     told to every listener, in order. An outage has one number from the first
//     break to recovery, however often probes fail in between
//     (TestBRK04ListenersSeeEveryTransition, TestOutageIsOneNumber,
//     TestActorsSeeHealth).
//   - A listener that panics hurts no other one (TestBRK09ListenersAreIsolated).
//
// # Messages
//
// The breaker's actor takes one message per transition: it tells the listeners
// and sets the timer after which a broken backend is probed.
//
// # Failure
//
// When the system closes, the gate goes on working; listeners are not told any
// more, and a broken breaker probes on the first call after ResetTimeout.
package breaker
