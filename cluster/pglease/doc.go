// Package pglease keeps the leases of a cluster's nodes on Postgres, whose clock is the
// only one that counts. It is the lease.Registry of nodes that share a Postgres and no Redis.
package pglease
