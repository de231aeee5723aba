package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

type pgOutboxCommand struct {
	Dead    pgDeadCommand    `cmd:"" help:"Print dead letters, oldest first."`
	Retry   pgRetryCommand   `cmd:"" help:"Put dead letters back into the outbox."`
	Discard pgDiscardCommand `cmd:"" help:"Remove dead letters for good."`
}

type pgDeadCommand struct {
	After int64 `placeholder:"ID" help:"Only those with a greater ID, to read on. Default 0."`
	Limit int   `default:"100" placeholder:"N" help:"At most so many, 1 to 1000. Default 100."`
	JSON  bool  `name:"json" help:"Print one JSON object per line, with the data."`
	database
}

// Run prints them; the data only as JSON, since it may be long.
func (c *pgDeadCommand) Run(ctx context.Context, m *Main, flags given) (err error) {
	if c.Limit < 1 || c.Limit > outbox.MaxLetters {
		return &usageError{fmt.Errorf("--limit: must be 1 to %d", outbox.MaxLetters)}
	}
	db, _, err := c.open(ctx, m, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	letters, err := outbox.Dead(ctx, db, c.After, c.Limit)
	if err != nil {
		return explainOutbox(err)
	}
	if c.JSON {
		return writeLetters(m.Stdout, letters)
	}
	return printLetters(m.Stdout, letters, c.Limit)
}

func writeLetters(w io.Writer, letters []outbox.Letter) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range letters {
		err := enc.Encode(map[string]any{"id": l.ID, "topic": l.Topic, "event": l.Event, "data": l.Data, "key": l.Key,
			"published": l.Published, "died": l.Died, "tries": l.Tries, "reason": l.Reason})
		if err != nil {
			return err
		}
	}
	return nil
}

func printLetters(w io.Writer, letters []outbox.Letter, limit int) error {
	if len(letters) == 0 {
		_, err := io.WriteString(w, "There are no dead letters.\n")
		return err
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTOPIC\tEVENT\tBYTES\tPUBLISHED\tDIED\tTRIES\tREASON")
	for _, l := range letters {
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\t%d\t%s\n", l.ID, l.Topic, l.Event, len(l.Data),
			when(l.Published, "-"), when(l.Died, "-"), l.Tries, oneLine(l.Reason))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(letters) == limit {
		fmt.Fprintf(&b, "\nThere may be more: --after %d\n", letters[len(letters)-1].ID)
	}
	_, err := io.WriteString(w, printable(b.String()))
	return err
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }

// letters are which ones a command is for.
type letters struct {
	IDs []int64 `arg:"" optional:"" name:"id" help:"Which, as node pg outbox dead prints them."`
	All bool    `help:"All there are."`
}

type pgRetryCommand struct {
	letters
	database
}

// Run puts them back, in their order.
func (c *pgRetryCommand) Run(ctx context.Context, m *Main, flags given) error {
	return c.each(ctx, m, flags, &c.database, outbox.Retry, "%d put back into the outbox.\n")
}

type pgDiscardCommand struct {
	letters
	database
}

// Run removes them.
func (c *pgDiscardCommand) Run(ctx context.Context, m *Main, flags given) error {
	return c.each(ctx, m, flags, &c.database, outbox.Discard, "%d removed.\n")
}

func (l *letters) each(ctx context.Context, m *Main, flags given, on *database,
	do func(context.Context, *pgdb.DB, ...int64) (int, error), says string,
) (err error) {
	if l.All == (len(l.IDs) > 0) {
		return &usageError{errors.New("say which: the IDs that node pg outbox dead prints, or --all")}
	}
	db, _, err := on.open(ctx, m, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	n := 0
	if l.All {
		n, err = allLetters(ctx, db, do)
	} else {
		for ids := range slices.Chunk(l.IDs, outbox.MaxLetters) {
			did, failed := do(ctx, db, ids...)
			n += did
			if err = failed; err != nil {
				break
			}
		}
	}
	if err != nil {
		return explainOutbox(err)
	}
	if n < len(l.IDs) {
		says = strings.TrimSuffix(says, "\n") + fmt.Sprintf(" %d are no dead letters.\n", len(l.IDs)-n)
	}
	_, err = fmt.Fprintf(m.Stdout, says, n)
	return err
}

// allLetters does it to those that are there now. One that dies again meanwhile has a new,
// greater ID, so the last is looked up first.
func allLetters(ctx context.Context, db *pgdb.DB, do func(context.Context, *pgdb.DB, ...int64) (int, error)) (n int, err error) {
	until, err := lastLetter(ctx, db)
	if err != nil {
		return 0, err
	}
	for after := int64(0); after < until; {
		found, err := outbox.Dead(ctx, db, after, outbox.MaxLetters)
		if err != nil || len(found) == 0 {
			return n, err
		}
		ids := make([]int64, 0, len(found))
		for _, l := range found {
			if l.ID <= until {
				ids = append(ids, l.ID)
			}
		}
		after = found[len(found)-1].ID
		did, err := do(ctx, db, ids...)
		if n += did; err != nil {
			return n, err
		}
	}
	return n, nil
}

func lastLetter(ctx context.Context, db *pgdb.DB) (id int64, err error) {
	sql := db.SQL(`select coalesce(max(id), 0) from {schema}.outbox_dead`)
	err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error { return q.QueryRow(ctx, sql).Scan(&id) })
	return id, err
}

// explainOutbox adds what to do where there is no outbox yet.
func explainOutbox(err error) error {
	if pgdb.Code(err) == "42P01" || pgdb.Code(err) == "3F000" { // no such table, no such schema
		return fmt.Errorf("there is no outbox yet (%w); run: node pg migrate", err)
	}
	return err
}
