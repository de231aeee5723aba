package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/inspect"
)

type membersCommand struct {
	JSON bool `name:"json" help:"Print what the node says, as JSON."`
	remote
}

// maxMembers bounds what is read of an answer.
const maxMembers = 16 << 20

// Run prints the nodes of the cluster as one of them sees it.
func (c *membersCommand) Run(ctx context.Context, m *Main) error {
	node, err := c.client(m)
	if err != nil {
		return err
	}
	defer node.close()
	body, err := node.inspect(ctx, "members")
	if err != nil {
		return err
	}
	var answer struct {
		Node    inspect.Node
		Members []inspect.Member
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer of %s is not a list of members: %w", node.host(), err)
	}
	if c.JSON {
		_, err := m.Stdout.Write(body)
		return err
	}
	return printMembers(m.Stdout, answer.Node, answer.Members)
}

func printMembers(w io.Writer, node inspect.Node, members []inspect.Member) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSTATE\tADDRESS\tSTARTED\tLEASE ENDS IN\tINCARNATION\t")
	for _, m := range members {
		name, started, ends := m.ID, "-", "-"
		if m.Self {
			name += " *"
		}
		if !m.Started.IsZero() {
			started = m.Started.Local().Format(time.DateTime)
		}
		if !m.LeaseUntil.IsZero() {
			ends = (time.Duration(m.LeaseEndsInMS) * time.Millisecond).Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t\n", name, m.State, m.Address, started, ends, m.Incarnation)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	where := "all in memory: a cluster of one"
	if node.Backend != "" {
		where = "a cluster over " + node.Backend
	}
	_, err := fmt.Fprintf(w, "%s\n* is the node that was asked; %s.\n", printable(b.String()), where)
	return err
}

// printable keeps what other nodes say of themselves from moving the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, text)
}

// inspect asks for one of the paths under /debug/.
func (c *nodeClient) inspect(ctx context.Context, what string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	u, err := url.Parse(c.url)
	if err != nil {
		return nil, fmt.Errorf("address of the node: %w", err)
	}
	address := strings.Replace(u.Scheme, "ws", "http", 1) + "://" + u.Host + "/debug/" + what
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("address of the node: %w", err)
	}
	req.Header = c.opts.Header.Clone()
	resp, err := c.opts.HTTPClient.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMembers))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", u.Host, err)
	case resp.StatusCode == http.StatusForbidden:
		return nil, errors.New("the node tells this only to callers on its own machine: run node members there")
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s; is a node of this version running there?", u.Host, resp.Status)
	}
	return body, nil
}
