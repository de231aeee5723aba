// Package peers is the module of the servers that Troupe is measured beside. It
// is a module of its own so that their dependencies stay out of Troupe's.
//
// Each folder is one server: a main program that listens on --listen, prints
// nothing on success, serves Prometheus metrics at /metrics, and ends on
// SIGTERM. With --redis it shares that Redis with others of its kind; with --task
// it is one of the programs of bench/inproc that need a Redis, instead. Channels whose name begins with "kept:" have history and recovery,
// all others have none. Anyone may subscribe and publish. Nothing compresses.
//
// To add a peer: a folder here, an adapter in bench/wire, a row in
// bench/targets.go.
package peers
