// Package pgstore keeps in Postgres what the nodes of a cluster share. Nodes whose Stores use the same
// database and schema are one system.
package pgstore
