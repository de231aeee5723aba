package main

import (
	"context"
	"os"
)

func main() {
	m := &Main{
		Args:   os.Args[1:],
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}
	os.Exit(m.Run(context.Background()))
}
