// Package redisconn is a node's one way to Redis: it understands the URL, finds
// out whether there is one server or a Cluster, sends commands of many callers in
// one pipeline, bounds each by a deadline, asks the breaker before and tells it
// after, and names every key and channel.
package redisconn
