//go:build !unix

package main

import "log/slog"

// raiseFileLimit has nothing to raise: the limit is a Unix one.
func raiseFileLimit(*slog.Logger) {}
