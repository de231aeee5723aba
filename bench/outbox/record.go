//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/troupe-rt/troupe/bench/outbox/check"
)

// A record is a file of lines. Its methods are safe for concurrent use.
type record struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	line []byte
	err  error
}

func newRecord(folder, name string) (*record, error) {
	file, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("outbox: record: %w", err)
	}
	return &record{file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

// write remembers its first error for close.
func (r *record) write(l check.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line = l.Append(r.line[:0])
	if _, err := r.out.Write(r.line); err != nil && r.err == nil {
		r.err = err
	}
}

func (r *record) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out.Flush(); err != nil && r.err == nil {
		r.err = err
	}
	if err := r.file.Close(); err != nil && r.err == nil {
		r.err = err
	}
	if r.err != nil {
		return fmt.Errorf("outbox: record: %w", r.err)
	}
	return nil
}
