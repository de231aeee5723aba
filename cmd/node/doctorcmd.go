package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/doctor"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// doctorTimeout bounds the whole examination.
const doctorTimeout = time.Minute

type doctorCommand struct {
	JSON     bool    `name:"json" help:"Print the findings as JSON."`
	Config   string  `short:"c" placeholder:"FILE" help:"Configuration file, YAML (TROUPE_CONFIG)."`
	Redis    *string `placeholder:"URL"`
	Prefix   *string `placeholder:"TEXT"`
	Replicas *string `placeholder:"N"`
}

// Run examines the Redis of the configuration. What was found is printed; the
// error is for the exit code.
func (c *doctorCommand) Run(ctx context.Context, m *Main, flags given) error {
	from := configured{Config: c.Config}
	loaded, err := from.load(m, flags)
	if err != nil {
		return err
	}
	if loaded.Redis == "" {
		return &usageError{errors.New("say which Redis, with --redis, TROUPE_REDIS or redis in a file: node doctor --redis redis://localhost:6379")}
	}
	redisconn.LogTo(slog.New(slog.DiscardHandler)) // the findings say it
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	report, err := doctor.Examine(ctx, doctor.Options{
		URL: loaded.Redis, Shown: shownBackend(loaded), Prefix: loaded.Prefix, Replicas: loaded.Replicas})
	if err != nil {
		return &usageError{fmt.Errorf("could not connect to %s: %w", shownBackend(loaded), err)}
	}
	if c.JSON {
		err = report.WriteJSON(m.Stdout)
	} else {
		err = report.WriteText(m.Stdout, isTerminal(m.Stdout))
	}
	if err == nil && report.Verdict == doctor.Fail {
		err = errors.New("something that Troupe promises does not hold on this Redis")
	}
	return err
}
