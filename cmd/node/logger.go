package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// newLogger writes text for people and JSON for machines.
func newLogger(w io.Writer, cfg settings.Log) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == settings.FormatText || cfg.Format == settings.FormatAuto && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
