// Command centrifuge serves github.com/centrifugal/centrifuge, so that the
// benchmarks can measure it beside Troupe with the same client.
//
// Without --tuned every option has the library's default. With it, the options
// that its own documentation recommends for many connections and high rates are
// set: pooled write buffers, small read buffers, commands handled off the read
// loop (less stack per connection), frames of any number of messages, a write
// delay with a timer in place of a goroutine per connection, and single-flight
// history reads. The delay is the one of 0, 1, 5 and 20 ms that costs the least
// CPU per delivery. It is paid in latency: compare that with the default.
//
// With --redis its nodes share that Redis. With --task it serves nobody but runs
// one of the programs that bench/inproc has for Troupe, and prints the figures
// as JSON.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// writeDelay is how long the tuned server lets messages of a connection gather.
const writeDelay = 20 * time.Millisecond

// History of channels that keep any, the same as Troupe's default.
const (
	historySize = 1000
	historyTTL  = 10 * time.Minute
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8000", "loopback `address` to serve on")
	tuned := flag.Bool("tuned", false, "set the options recommended for many connections and high rates")
	redis := flag.String("redis", "", "`address` of a Redis that all nodes share, host:port; empty keeps everything in memory")
	task := flag.String("task", "", "run this program, described by `JSON`, instead of serving")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return serve(ctx, *listen, *redis, *tuned) }
	if *task != "" {
		run = func() error { return runTask(ctx, *task) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, listen, redis string, tuned bool) error {
	node, err := newNode(redis, tuned)
	if err != nil {
		return err
	}
	defer node.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // The process ends with it.

	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, websocketConfig(tuned)))
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func newNode(redis string, tuned bool) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{
		ClientChannelLimit: 1000, // as many as Troupe's default
		UseSingleFlight:    tuned,
	})
	if err != nil {
		return nil, fmt.Errorf("create the node: %w", err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return connectReply(tuned), nil
	})
	node.OnConnect(func(c *centrifuge.Client) { serveClient(node, c) })
	if err := shareRedis(node, redis); err != nil {
		return nil, err
	}
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("run the node: %w", err)
	}
	return node, nil
}

func connectReply(tuned bool) centrifuge.ConnectReply {
	reply := centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "bench"}}
	if tuned {
		reply.MaxMessagesInFrame = -1
		reply.WriteDelay = writeDelay
		reply.WriteWithTimer = true
		reply.ReplyWithoutQueue = true
	}
	return reply
}

func websocketConfig(tuned bool) centrifuge.WebsocketConfig {
	if !tuned {
		return centrifuge.WebsocketConfig{}
	}
	return centrifuge.WebsocketConfig{
		ReadBufferSize:             512,
		UseWriteBufferPool:         true,
		ProcessCommandsOffReadLoop: true,
	}
}

func serveClient(node *centrifuge.Node, c *centrifuge.Client) {
	c.OnSubscribe(func(e centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
		done(centrifuge.SubscribeReply{
			Options: centrifuge.SubscribeOptions{EnableRecovery: kept(e.Channel)},
		}, nil)
	})
	c.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
		var opts []centrifuge.PublishOption
		if kept(e.Channel) {
			opts = append(opts, centrifuge.WithHistory(historySize, historyTTL))
		}
		// Published here and not by the library, which would add the
		// publisher's identity to every message.
		result, err := node.Publish(e.Channel, e.Data, opts...)
		done(centrifuge.PublishReply{Result: &result}, err)
	})
}

func kept(channel string) bool { return strings.HasPrefix(channel, "kept:") }
