//go:build unix

package main

import (
	"log/slog"
	"syscall"
)

// fewFiles is a limit below which a node runs out of connections early: each
// one is an open file.
const fewFiles = 4096

// raiseFileLimit takes all the open files that the system grants, and warns
// when they are few.
func raiseFileLimit(logger *slog.Logger) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		logger.Warn("the limit of open files is unknown", "err", err)
		return
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			logger.Warn("the limit of open files could not be raised", "err", err)
		}
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < fewFiles {
		logger.Warn("few open files are allowed; each connection needs one: raise the hard limit with ulimit -Hn", "limit", limit.Cur)
	}
}
