// Package cursor shows where the users of a topic point: positions that change many
// times a second and of which only the newest counts.
package cursor
