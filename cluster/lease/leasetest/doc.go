// Package leasetest is the suite that every lease.Registry passes. Open returns an empty
// Registry for each case; the suite waits for real time, some tenths of a second.
package leasetest
