// Package redisbus carries frames between nodes.
package redisbus
