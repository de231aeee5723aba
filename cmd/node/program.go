package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes of the program.
const (
	exitFine  = 0
	exitFault = 1 // something failed while running
	exitUsage = 2 // the command line or the configuration is wrong
)

// Main is the whole program. Tests start it as main does.
type Main struct {
	Args   []string // without the program's name
	Env    []string // NAME=value each
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// Signals ends the node: gently the first time, at once the second.
	//
	// Defaults to SIGINT and SIGTERM of the process.
	Signals <-chan os.Signal

	// Serving is called with the node's URL once it answers. May be nil.
	Serving func(url string)
}

// usageError marks what the person at the keyboard can put right by writing
// something else.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// exited carries the code with which kong wanted to end the process.
type exited int

// Run does what Args say and returns the exit code.
func (m *Main) Run(ctx context.Context) (code int) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exited:
			code = int(p)
		default:
			panic(p)
		}
	}()
	return m.report(m.run(ctx))
}

func (m *Main) run(ctx context.Context) error {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("node"),
		kong.Description(description),
		kong.Writers(m.Stdout, m.Stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Help(printHelp),
		kong.PostBuild(describeFlags),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(m),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	parsed, err := parser.Parse(m.Args)
	if err != nil {
		return &usageError{explainUsage(err)}
	}
	return parsed.Run(flagsGiven(parsed))
}

// report tells the person what went wrong, and the caller the exit code.
func (m *Main) report(err error) int {
	if err == nil {
		return exitFine
	}
	var usage *usageError
	code := exitFault
	if errors.As(err, &usage) {
		code = exitUsage
	}
	fmt.Fprintf(m.Stderr, "node: %s\n", err)
	return code
}

// env looks a variable up; one that is empty counts as not set.
func (m *Main) env(name string) string {
	found := ""
	for _, pair := range m.Env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			found = value
		}
	}
	return found
}
