// Package redisstore keeps in Redis what the nodes of a cluster share.
package redisstore
