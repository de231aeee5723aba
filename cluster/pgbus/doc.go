// Package pgbus carries frames between nodes by NOTIFY, for a cluster that has Postgres and no Redis.
//
//	bus, err := pgbus.New(pgbus.Config{DB: db, Node: "a"})
//	topics, err := topic.Start(topic.Config{Relay: bus, ...})
package pgbus
