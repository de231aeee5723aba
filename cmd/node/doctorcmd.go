package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/doctor"
	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// doctorTimeout bounds the whole examination.
const doctorTimeout = time.Minute

type doctorCommand struct {
	JSON          bool    `name:"json" help:"Print the findings as JSON."`
	Config        string  `short:"c" placeholder:"FILE" help:"Configuration file, YAML (TROUPE_CONFIG)."`
	Redis         *string `placeholder:"URL"`
	Postgres      *string `placeholder:"URL"`
	Schema        *string `placeholder:"NAME"`
	PostgresConns *string `placeholder:"N"`
	Prefix        *string `placeholder:"TEXT"`
	Replicas      *string `placeholder:"N"`
}

var errNoBackend = errors.New("say which server, with --redis or --postgres, TROUPE_REDIS or TROUPE_POSTGRES, or redis and postgres in a file: node doctor --redis redis://localhost:6379")

// Run examines the Redis and the Postgres of the configuration. What was found is
// printed; the error is for the exit code.
func (c *doctorCommand) Run(ctx context.Context, m *Main, flags given) error {
	from := configured{Config: c.Config}
	loaded, err := from.load(m, flags)
	if err != nil {
		return err
	}
	if loaded.Redis == "" && loaded.Postgres == "" {
		return &usageError{errNoBackend}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	onRedis, err := examineRedis(ctx, loaded)
	if err != nil {
		return err
	}
	onPostgres, err := examinePostgres(ctx, loaded)
	if err != nil {
		return err
	}
	report := doctor.Join(onRedis, onPostgres)
	if c.JSON {
		err = report.WriteJSON(m.Stdout)
	} else {
		err = report.WriteText(m.Stdout, isTerminal(m.Stdout))
	}
	if err == nil && report.Verdict == doctor.Fail {
		err = errors.New("something that Troupe promises does not hold here")
	}
	return err
}

func examineRedis(ctx context.Context, loaded *settings.Loaded) (*doctor.Report, error) {
	if loaded.Redis == "" {
		return nil, nil
	}
	redisconn.LogTo(slog.New(slog.DiscardHandler)) // the findings say it
	shown := shownRedis(loaded)
	report, err := doctor.Examine(ctx, doctor.Options{URL: loaded.Redis, Shown: shown, Prefix: loaded.Prefix, Replicas: loaded.Replicas})
	if err != nil {
		return nil, &usageError{fmt.Errorf("could not connect to %s: %w", shown, err)}
	}
	return report, nil
}

func examinePostgres(ctx context.Context, loaded *settings.Loaded) (*doctor.Report, error) {
	if loaded.Postgres == "" {
		return nil, nil
	}
	schema, err := schemaOf(loaded)
	if err != nil {
		return nil, &usageError{err}
	}
	shown := shownPostgres(loaded)
	report, err := doctor.ExaminePostgres(ctx, doctor.PostgresOptions{URL: loaded.Postgres, Shown: shown, Schema: schema, Conns: loaded.PostgresConns, Beside: besidePool(loaded)})
	if err != nil {
		return nil, &usageError{fmt.Errorf("could not connect to %s: %w", shown, err)}
	}
	return report, nil
}

// besidePool counts the connections to Postgres that a node has beside its pool: three for
// the relay and the lease, if these are not in Redis; one for the outbox; and with channels one, and one more for
// each that has a leader.
func besidePool(loaded *settings.Loaded) (n int) {
	if loaded.Redis == "" {
		n += 3
	}
	if loaded.Bridge.Outbox.Enabled {
		n++
	}
	if len(loaded.Bridge.Notify) > 0 {
		n++
	}
	for _, ch := range loaded.Bridge.Notify {
		if ch.Leader {
			n++
		}
	}
	return n
}
