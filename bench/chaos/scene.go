//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/proc"
)

//go:embed node.yaml
var nodeConfig string

const (
	readyWithin = 30 * time.Second
	startTries  = 20
	// stuckAfter ends a run in which nothing has been acknowledged for so long.
	stuckAfter = 90 * time.Second
)

// A scene is everything that runs.
type scene struct {
	settings settings
	life     context.Context // of everything that is started
	folder   string          // of the records
	dir      string          // of the backend's data, and the node's program
	binary   string
	backend  backend
	nodes    []*node
	topics   []string
	byName   map[string]int

	subscribers []*subscriber
	publishers  []*publisher
	quiet       atomic.Bool                      // there will be no more trouble
	log         func(format string, args ...any) // what is done to the scene
}

// A node is a process that is started again on the address it had.
type node struct {
	address string
	process *proc.Process
}

func (n *node) ready(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return n.process.Ready(within, "http://"+n.address+"/readyz")
}

// open starts the backend and the nodes.
func open(ctx context.Context, s settings, binary, dir, folder string, log func(string, ...any)) (*scene, error) {
	x := &scene{settings: s, life: ctx, folder: folder, dir: dir, binary: binary, byName: make(map[string]int), log: log}
	for i := range s.topics {
		name := fmt.Sprintf("room:%03d", i)
		x.topics = append(x.topics, name)
		x.byName[name] = i
	}
	config := strings.ReplaceAll(nodeConfig, "KEPT", strconv.Itoa(s.kept()))
	if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	if err := os.Mkdir(x.data(), 0o700); err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	var err error
	if x.backend, err = openBackend(ctx, s, x.data()); err != nil {
		return nil, err
	}
	for range s.nodes {
		if err := x.addNode(ctx); err != nil {
			x.close()
			return nil, err
		}
	}
	return x, nil
}

func (x *scene) data() string { return filepath.Join(x.dir, "data") }

func (x *scene) addNode(ctx context.Context) error {
	address, err := proc.LastingAddress(ctx)
	if err != nil {
		return err
	}
	x.nodes = append(x.nodes, &node{address: address})
	return x.startNode(ctx, len(x.nodes)-1)
}

// startNode starts a node until it serves, as a supervisor does: one that does
// not get through to the backend ends, and its connections are being cut.
func (x *scene) startNode(ctx context.Context, i int) (err error) {
	n := x.nodes[i]
	for try := 1; ; try++ {
		n.process, err = proc.Start(ctx, proc.Command{Path: x.binary, Args: []string{
			"--config", filepath.Join(x.dir, "node.yaml"), "--listen", n.address, "--" + x.settings.backend, x.backend.URL(), "--log-level", "error",
			"--gateway-frames-per-second=-1", "--gateway-connections=-1",
		}})
		if err != nil {
			return err
		}
		if err = n.ready(ctx); err == nil || try == startTries {
			return err
		}
		n.process.Stop()
		x.log("node %d did not start: %s", i, n.process.Output())
		pause(ctx, 100*time.Millisecond)
	}
}

func (x *scene) close() {
	for _, n := range x.nodes {
		if n.process != nil {
			n.process.Stop()
		}
	}
	x.backend.Stop()
}

// play lets everybody do what they do, and returns when all is published and
// everybody has it, or when that can not be.
func (x *scene) play(ctx context.Context, tell func()) error {
	if err := x.cast(); err != nil {
		return err
	}
	following, stopFollowing := context.WithCancel(ctx)
	defer stopFollowing()
	followers := startAll(following, x.subscribers)
	if err := x.until(ctx, x.settings.within, "every subscriber follows everything", x.allFollow); err != nil {
		stopFollowing()
		return errors.Join(err, <-followers)
	}
	err := x.publishAll(ctx, tell)
	if err == nil {
		err = x.finish(ctx)
	}
	stopFollowing()
	return errors.Join(err, <-followers)
}

func (x *scene) cast() (err error) {
	for i := range x.settings.subscribers * x.settings.nodes {
		u, err := newSubscriber(x, i)
		if err != nil {
			return err
		}
		x.subscribers = append(x.subscribers, u)
	}
	for i := range x.settings.publishers {
		p, err := newPublisher(x, i)
		if err != nil {
			return err
		}
		x.publishers = append(x.publishers, p)
	}
	return nil
}

// startAll runs all of them and sends their errors when all have returned.
func startAll[T interface{ run(context.Context) error }](ctx context.Context, all []T) <-chan error {
	done := make(chan error, 1)
	errs := make([]error, len(all))
	var running sync.WaitGroup
	for i, one := range all {
		running.Go(func() { errs[i] = one.run(ctx) })
	}
	go func() {
		running.Wait()
		done <- errors.Join(errs...)
	}()
	return done
}

// publishAll publishes everything while trouble is made.
func (x *scene) publishAll(ctx context.Context, tell func()) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	published := startAll(ctx, x.publishers)
	trouble := make(chan error, 1)
	go func() { trouble <- x.trouble(ctx) }() // received below
	var errs []error
	second := time.NewTicker(time.Second)
	defer second.Stop()
	last, since := -1, time.Now()
	for waiting := 2; waiting > 0; {
		select {
		case err := <-published:
			errs, waiting = append(errs, err), waiting-1
			stop(errPublished)
		case err := <-trouble:
			if errs, waiting = append(errs, err), waiting-1; err != nil {
				stop(err) // nobody needs to go on
			}
		case <-second.C:
			tell()
			if now := x.acked(); now != last {
				last, since = now, time.Now()
			} else if time.Since(since) > stuckAfter {
				stop(fmt.Errorf("chaos: nothing was acknowledged for %s", stuckAfter))
			}
		}
	}
	if cause := context.Cause(ctx); cause != nil && cause != errPublished {
		errs = append(errs, cause)
	}
	return errors.Join(errs...)
}

// finish waits until all subscribers have come to rest, reads the log on every
// node, and waits until every subscriber has all of it.
func (x *scene) finish(ctx context.Context) error {
	err := x.until(ctx, x.settings.within, "all subscribers stand at the same place", x.allAgree())
	if err != nil {
		x.log("%v", err) // the records show who is elsewhere
	}
	// A node that was not there before has only what the log has.
	if err := x.addNode(ctx); err != nil {
		return err
	}
	var ends []place
	for i := range x.nodes {
		if ends, err = readLog(ctx, x, i); err != nil {
			return err
		}
	}
	err = x.until(ctx, x.settings.within, "every subscriber is at the end", func() bool {
		for _, u := range x.subscribers {
			if u.behind(ends) > 0 {
				return false
			}
		}
		return true
	})
	if err != nil {
		x.log("%v", err) // the records show who is not, and where
	}
	return ctx.Err()
}

// calm is how long nothing moves before it counts as rest.
const calm = time.Second

// allAgree returns a function that reports whether all subscribers have been at
// the same place for a while.
func (x *scene) allAgree() func() bool {
	var last []place
	var since time.Time
	return func() bool {
		ends := x.subscribers[0].where()
		for _, u := range x.subscribers {
			if u.behind(ends) > 0 {
				ends = nil
				break
			}
		}
		if ends == nil || !slices.Equal(ends, last) {
			last, since = ends, time.Now()
		}
		return ends != nil && time.Since(since) > calm
	}
}

func (x *scene) allFollow() bool {
	for _, u := range x.subscribers {
		if u.missing() > 0 {
			return false
		}
	}
	return true
}

func (x *scene) until(ctx context.Context, within time.Duration, what string, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s: %s", within, what))
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			return fmt.Errorf("chaos: %w", context.Cause(ctx))
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

func (x *scene) acked() (n int) {
	for _, p := range x.publishers {
		n += int(p.acked.Load())
	}
	return n
}
