package redisconn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogTo hands what go-redis says of its connections to a logger, as debug. It holds
// for the whole process, so it is for a program to call, once and early; until
// then go-redis writes plain lines to standard error. Errors reach callers all the
// same.
func LogTo(l *slog.Logger) { redis.SetLogger(driverLog{l}) }

type driverLog struct{ logger *slog.Logger }

func (d driverLog) Printf(ctx context.Context, format string, args ...any) {
	if d.logger.Enabled(ctx, slog.LevelDebug) {
		d.logger.DebugContext(ctx, "go-redis", "backend", "redis", "err", fmt.Sprintf(format, args...))
	}
}
