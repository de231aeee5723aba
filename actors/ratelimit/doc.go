// Package ratelimit bounds how much of something a key may do: an actor per limit and
// key, which asks a [Store] that all nodes share, and answers by itself what it knows.
//
// A limit is a [Policy]: so many points in so much time, counted as a token bucket, in
// fixed windows or in a sliding one. A key is any text, such as [Policy.Key] makes of
// a client.
//
// # Messages
//
//	consume  command, from Limits  answered with a Result or an error
//
// # Failure
//
// A limit fails closed: while the Store does not answer nothing is allowed, and every
// call ends within [Config].Timeout with an error that wraps [ErrUnavailable].
package ratelimit
