// Package group is rooms with a list of members that the server keeps: roles, a bound
// on how many, events to all, to a role or to one, metadata, and an end.
package group
