package main

import (
	"fmt"
	"runtime"
)

type versionCommand struct{}

// Run prints the version of the program and of Go.
func (versionCommand) Run(m *Main) error {
	_, err := fmt.Fprintf(m.Stdout, "troupe %s, %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
