// Package roster is what presence and groups are made of: who is on a list that all
// nodes share, an actor per list and node, versioned changes, and receivers that are
// told of them.
package roster
