package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

type configCommand struct{ configured }

// Run prints the configuration in force.
func (c *configCommand) Run(m *Main, flags given) error {
	loaded, err := c.load(m, flags)
	if err != nil {
		return err
	}
	return loaded.Print(m.Stdout)
}

type checkCommand struct {
	File string `arg:"" optional:"" help:"The file, like --config."`
	configured
}

// Run says that all is well, or everything that is not.
func (c *checkCommand) Run(m *Main, flags given) error {
	if c.File != "" && c.Config != "" {
		return &usageError{errors.New("give the file once, as an argument or with --config")}
	}
	if c.File != "" {
		c.Config = c.File
	}
	if _, err := c.load(m, flags); err != nil {
		return err
	}
	what := "The configuration"
	if c.Config != "" {
		what = c.Config
	}
	_, err := fmt.Fprintf(m.Stdout, "%s is fine.\n", what)
	return err
}

// load puts the configuration together for a command.
func (c *configured) load(m *Main, flags given) (*settings.Loaded, error) {
	in := settings.Input{Flags: flags, Env: m.Env, File: c.Config, CheckJWT: checkJWT,
		CheckRedis: ruleOf(redisconn.CheckURL), CheckPrefix: ruleOf(redisconn.CheckPrefix),
		CheckPostgres: ruleOf(pgdb.CheckURL), CheckSchema: checkSchema}
	if in.File == "" {
		in.File = m.env("TROUPE_CONFIG")
	}
	c.Config = in.File
	if in.File != "" {
		text, err := readConfig(in.File)
		if err != nil {
			return nil, &usageError{err}
		}
		in.Text = text
	}
	loaded, err := settings.Load(in)
	if err != nil {
		return nil, &usageError{fmt.Errorf("the configuration is not right:\n%w", err)}
	}
	return loaded, nil
}

// ruleOf leaves away what the settings say themselves: which one it is.
func ruleOf(check func(string) error) func(string) error {
	return func(text string) error {
		err := check(text)
		if fault, ok := errors.AsType[*redisconn.ConfigError](err); ok {
			return errors.New(fault.Rule)
		}
		if fault, ok := errors.AsType[*pgdb.ConfigError](err); ok {
			return errors.New(fault.Rule)
		}
		return err
	}
}

// checkSchema looks at the schema, or at the prefix that it is made of.
func checkSchema(schema, prefix string) error {
	if schema != "" {
		return ruleOf(pgdb.CheckSchema)(schema)
	}
	return ruleOf(func(prefix string) error { _, err := pgdb.SchemaFor(prefix); return err })(prefix)
}

// schemaOf is the schema of a configuration that Load has found right.
func schemaOf(loaded *settings.Loaded) (string, error) {
	if loaded.Schema != "" {
		return loaded.Schema, nil
	}
	return pgdb.SchemaFor(loaded.Prefix)
}

func checkJWT(j settings.JWT) []error { return jwtConfig(&j).Faults() }

// readConfig reads no more than a configuration can have, whatever the name
// stands for.
func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s; write one with: node config > %s", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(settings.MaxFile)+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return text, nil
}
