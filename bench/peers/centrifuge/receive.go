package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
)

// receive connects one client without a socket, subscribed by the server.
func receive(ctx context.Context, node *centrifuge.Node, m *meter) error {
	client, _, err := centrifuge.NewClient(ctx, node, transport{m})
	if err != nil {
		return fmt.Errorf("connect a client: %w", err)
	}
	client.Connect(centrifuge.ConnectRequest{})
	if !client.IsSubscribed(taskChannel) {
		return fmt.Errorf("the client is not subscribed")
	}
	return nil
}

// transport counts what it is given and keeps nothing.
type transport struct{ m *meter }

func (transport) Name() string                                { return "bench" }
func (transport) AcceptProtocol() string                      { return "" }
func (transport) Protocol() centrifuge.ProtocolType           { return centrifuge.ProtocolTypeJSON }
func (transport) ProtocolVersion() centrifuge.ProtocolVersion { return centrifuge.ProtocolVersion2 }
func (transport) Unidirectional() bool                        { return true }
func (transport) Emulation() bool                             { return false }
func (transport) DisabledPushFlags() uint64                   { return 0 }
func (transport) Close(centrifuge.Disconnect) error           { return nil }

func (transport) PingPongConfig() centrifuge.PingPongConfig {
	return centrifuge.PingPongConfig{PingInterval: -1}
}

func (t transport) Write(b []byte) error {
	at := bytes.Index(b, []byte(stampLead))
	if at < 0 || len(b) < at+len(stampLead)+stampDigits {
		return nil // not an event
	}
	began, err := strconv.ParseInt(string(b[at+len(stampLead):][:stampDigits]), 10, 64)
	if err != nil {
		return fmt.Errorf("a broken stamp: %w", err)
	}
	t.m.done(time.Unix(0, began))
	<-t.m.free
	return nil
}

func (t transport) WriteMany(all ...[]byte) error {
	for _, b := range all {
		if err := t.Write(b); err != nil {
			return err
		}
	}
	return nil
}
