package pgstore

import (
	"context"
	"time"
)

// A Task is cleaning that has to be done again and again by any one node.
type Task struct {
	Name  string
	Every time.Duration

	// Run does one round. It is called on one node at a time.
	Run func(ctx context.Context) error
}
