// Package outbox publishes inside a database transaction: what is published is announced if, and
// only if, the transaction commits.
package outbox
