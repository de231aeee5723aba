//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/troupe-rt/troupe/bench/chaos/check"
)

// A record is the file of one client. It belongs to one goroutine at a time.
type record struct {
	name string
	file *os.File
	out  *bufio.Writer
	line []byte
}

func newRecord(folder, name string) (*record, error) {
	f, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("chaos: record: %w", err)
	}
	return &record{name: name, file: f, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

// add writes a line. An error comes out of close.
func (r *record) add(l check.Line) {
	r.line = l.Append(r.line[:0])
	_, _ = r.out.Write(r.line) // sticks to the writer
}

func (r *record) close() error {
	if err := errors.Join(r.out.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("chaos: record: %w", err)
	}
	return nil
}
