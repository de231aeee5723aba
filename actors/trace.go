package actors

import (
	"context"
	"log/slog"
)

// trace logs one event of an actor's life at debug level and costs nothing when
// that is off.
func (k *Keeper[M]) trace(event, key string) {
	log := k.system.log
	if log.Enabled(context.Background(), slog.LevelDebug) {
		log.LogAttrs(context.Background(), slog.LevelDebug, event,
			slog.String("kind", k.kind.Name), slog.String("key", key))
	}
}
