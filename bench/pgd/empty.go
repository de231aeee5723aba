//go:build linux

package pgd

import (
	"context"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Empty removes all that nodes keep. What is left of it to be written is written now, so that it is
// not counted to what comes next.
func (s *Server) Empty(ctx context.Context) error {
	if err := s.Exec(ctx, "drop schema if exists "+pgdb.DefaultSchema+" cascade"); err != nil {
		return err
	}
	return s.Exec(ctx, "checkpoint")
}
