package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

type pgStatusCommand struct {
	JSON bool `name:"json" help:"Print it as JSON."`
	database
}

// pgStatus is what is printed of a database.
type pgStatus struct {
	Postgres    string    `json:"postgres"` // the URL, without its secrets
	Version     string    `json:"version"`
	Schema      string    `json:"schema"`
	Steps       []pgStep  `json:"steps"`
	Tables      []pgTable `json:"tables"`
	Outbox      *pgOutbox `json:"outbox,omitempty"` // nil where the schema is not up to date
	NotifyQueue float64   `json:"notifyQueue"`      // how full, 0 to 1
	Wrong       string    `json:"wrong,omitempty"`
}

type pgOutbox struct {
	Pending    int     `json:"pending"` // counted up to outbox.MaxCount, as the next
	Dead       int     `json:"dead"`
	LagSeconds float64 `json:"lagSeconds"` // for how long the oldest pending one has been committed
}

type pgStep struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied,omitzero"`
}

type pgTable struct {
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"` // with its indexes
	Live     int64     `json:"live"`  // rows, as the server estimates
	Dead     int64     `json:"dead"`
	Vacuumed time.Time `json:"vacuumed,omitzero"`
}

// Run prints how the schema is. That it is not up to date is an error, for scripts that
// wait for it.
func (c *pgStatusCommand) Run(ctx context.Context, m *Main, flags given) (err error) {
	db, shown, err := c.open(ctx, m, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	status := pgStatus{Postgres: shown, Schema: db.Schema()}
	wrong := db.Check(ctx)
	if wrong != nil {
		status.Wrong = wrong.Error()
	}
	if err := status.fill(ctx, db); err != nil {
		return err
	}
	if wrong == nil {
		backlog, err := outbox.Look(ctx, db)
		if err != nil {
			return err
		}
		status.Outbox = &pgOutbox{backlog.Pending, backlog.Dead, backlog.Lag.Seconds()}
	}
	if c.JSON {
		enc := json.NewEncoder(m.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(status)
	} else {
		err = status.print(m.Stdout)
	}
	switch {
	case err != nil:
		return err
	case errors.Is(wrong, pgdb.ErrNotMigrated):
		return fmt.Errorf("%w; run: node pg migrate", wrong)
	}
	return explainSchema(wrong, db.Schema())
}

func (s *pgStatus) fill(ctx context.Context, db *pgdb.DB) error {
	steps, err := db.Status(ctx)
	if err != nil {
		return err
	}
	facts, err := db.Facts(ctx)
	if err != nil {
		return err
	}
	s.Version, s.NotifyQueue, s.Tables = facts.Version, facts.NotifyQueue, []pgTable{}
	for _, step := range steps {
		s.Steps = append(s.Steps, pgStep{step.Version, step.Name, step.Applied})
	}
	for _, t := range facts.Tables {
		s.Tables = append(s.Tables, pgTable{t.Name, t.Bytes, t.Live, t.Dead, t.Vacuumed})
	}
	return nil
}

func (s *pgStatus) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Schema %s at %s, Postgres %s\n\n", s.Schema, s.Postgres, s.Version)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tNAME\tAPPLIED\t")
	for _, step := range s.Steps {
		fmt.Fprintf(table, "%d\t%s\t%s\t\n", step.Version, step.Name, when(step.Applied, "missing"))
	}
	if err := table.Flush(); err != nil { // the columns of the next are others
		return err
	}
	if len(s.Tables) > 0 {
		fmt.Fprintln(table, "\nTABLE\tSIZE\tROWS\tDEAD\tVACUUMED\t")
	}
	for _, t := range s.Tables {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t\n", t.Name, sizeText(t.Bytes), t.Live, t.Dead, when(t.Vacuumed, "never"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if o := s.Outbox; o != nil {
		fmt.Fprintf(&b, "\nOutbox: %s pending, %s dead, the oldest for %s\n", counted(o.Pending), counted(o.Dead), ageText(o.LagSeconds))
	}
	fmt.Fprintf(&b, "Queue of notifications: %.1f %% full\n", 100*s.NotifyQueue)
	_, err := io.WriteString(w, printable(b.String()))
	return err
}

// counted says that there may be more than is counted.
func counted(n int) string {
	if n >= outbox.MaxCount {
		return fmt.Sprintf("%d or more", n)
	}
	return strconv.Itoa(n)
}

func ageText(seconds float64) string {
	return (time.Duration(seconds * float64(time.Second))).Round(100 * time.Millisecond).String()
}

func when(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.Local().Format(time.DateTime)
}

// sizeText writes a size for people.
func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
