package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// printHelp adds the settings to the help of the whole program: a newcomer
// types node --help and wants to see what can be set.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() != nil {
		return nil
	}
	return printSettings(ctx.Stdout)
}

func printSettings(w io.Writer) error {
	const column = 41
	var b strings.Builder
	b.WriteString("\nSettings, for serve, config and check (each also as a variable, TROUPE_LISTEN and so on):\n")
	fmt.Fprintf(&b, "  %-*s%s\n", column, "-c, --config", "Configuration file, YAML.")
	for _, s := range settings.Described() {
		initial := ""
		if s.Default != "" && s.Default != "false" {
			initial = " Default " + s.Default + "."
		}
		fmt.Fprintf(&b, "  %-*s%s%s\n", column, "    --"+s.Flag, s.Help, initial)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
