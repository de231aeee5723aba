package ratelimit

import (
	"context"
	"time"
)

// A Store keeps what was consumed of each key, for all nodes. Its clock is the only
// one: what it is told and what it answers are durations.
//
// Its methods are safe for concurrent use and return soon after their context ends.
// After an error it is unknown whether the call had its effect. A key that nobody uses
// is forgotten by itself, but not before its points are all back and its block is over.
type Store interface {
	// Take does what the batch wants, in order, and answers each want. Wants for one key
	// are not mixed with those of other calls. All keys of a batch have the same Place.
	// A batch has at most 256 wants.
	Take(ctx context.Context, p Policy, batch []Want) ([]Grant, error)

	// Change bans, unbans or resets a key.
	Change(ctx context.Context, p Policy, key string, c Change) error

	// Clear forgets all keys of a limit. Consumes beside it may be forgotten or not.
	Clear(ctx context.Context, p Policy) error

	// Place says which keys can be taken from in one call: those whose places are equal.
	// There are few places.
	Place(p Policy, key string) int
}

// A LocalStore does no I/O: it is called by the actors themselves.
type LocalStore interface {
	Store
	Local()
}

// A Want is a run of consumes of one key that cost the same.
type Want struct {
	Key   string
	Cost  int // of each, at least 1 unless Count is 0
	Count int // how many, one after the other. 0 only looks
	Ahead int // points to be leased as well, or as many of them as there are
}

// A Grant answers a Want. Durations count from the moment at which the Store
// decided.
type Grant struct {
	Allowed int // the first so many of Count

	Leased   int           // of Ahead; 0 if a consume was refused
	LeaseFor time.Duration // how long they may be used

	Remaining int           // points that are left; 0 while blocked
	Next      time.Duration // until there can be one more, at the earliest; 0 if all are there
	Reset     time.Duration // until all are there, if nobody consumes; while blocked, until that ends
	Blocked   bool          // by a ban, or by a consume that was refused
}

// A Change is made to a key from outside.
type Change struct {
	Do  Deed
	For time.Duration // of a Ban
}

// A Deed is what a Change does.
type Deed uint8

const (
	// Ban refuses everything for some time from now on, whatever was before. The points stay.
	Ban Deed = iota
	// Unban ends a ban or a block.
	Unban
	// Reset forgets the key: all its points are there, and nothing blocks it.
	Reset
)
