package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/troupe-rt/troupe/topic"
)

// maxPublish bounds what is read from standard input; a node takes less.
const maxPublish = 64 << 20

type publishCommand struct {
	Topic string `arg:"" help:"The topic, such as room:lobby."`
	Event string `arg:"" help:"The event's name within the topic, such as msg."`
	Data  string `arg:"" name:"json" help:"The data, as JSON; - reads it from standard input."`
	ID    string `name:"id" placeholder:"ID" help:"Publishing again with the same id keeps and delivers the event once."`
	remote
}

// Run publishes one event and prints its position.
func (c *publishCommand) Run(ctx context.Context, m *Main) error {
	data, err := c.read(m.Stdin)
	if err != nil {
		return &usageError{err}
	}
	node, err := c.client(m)
	if err != nil {
		return err
	}
	defer node.close()
	conn, err := node.dial(ctx)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	receipt, err := conn.Publish(asking, c.Topic, c.Event, data, c.ID)
	if err != nil {
		return errors.Join(node.explain(err), conn.Close())
	}
	line := receipt.Position.String()
	if receipt.Position == (topic.Position{}) {
		line = "published; this topic keeps no history, so there is no position"
	}
	if receipt.Duplicate {
		line += " (published before with this id)"
	}
	if _, err := fmt.Fprintln(m.Stdout, line); err != nil {
		return errors.Join(err, conn.Close())
	}
	return conn.Close()
}

func (c *publishCommand) read(stdin io.Reader) ([]byte, error) {
	data := []byte(c.Data)
	if c.Data == "-" {
		var err error
		if data, err = io.ReadAll(io.LimitReader(stdin, maxPublish)); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	var checked json.RawMessage
	if err := json.Unmarshal(data, &checked); err != nil {
		return nil, fmt.Errorf(`the data is not JSON: %w; a text needs quotes of its own, as in '"hi"'`, err)
	}
	return checked, nil
}
