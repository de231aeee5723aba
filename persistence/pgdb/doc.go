// Package pgdb is a node's one way to Postgres: it understands the URL, holds the pool, bounds every
// call by a deadline, asks the breaker before and tells it after, owns the schema and its migrations, and keeps
// connections that listen.
package pgdb
