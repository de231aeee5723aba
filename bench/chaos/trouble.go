//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errPublished ends the cutting.
var errPublished = errors.New("everything is published")

// trouble does what the settings say, and goes on cutting until ctx ends.
func (x *scene) trouble(ctx context.Context) error {
	cutting := make(chan struct{})
	stop, cancel := context.WithCancel(ctx)
	go func() { // waited for below
		defer close(cutting)
		x.cutClients(stop)
	}()
	defer func() {
		cancel()
		<-cutting
	}()
	for _, act := range []struct {
		at float64 // of the messages
		do func(context.Context) error
	}{{0.25, x.restartBackend}, {0.5, x.killNode}, {0.6, x.pauseNode}, {0.75, x.restartBackend}} {
		for float64(x.acked()) < act.at*float64(x.settings.messages) && ctx.Err() == nil {
			pause(ctx, 5*time.Millisecond)
		}
		if ctx.Err() != nil {
			return nil // the cause is told by whoever ended it
		}
		// What was begun is finished, and what was started outlasts the trouble.
		if err := act.do(x.life); err != nil {
			return err
		}
	}
	x.quiet.Store(true) // but for the cutting
	<-ctx.Done()
	return nil
}

// cutClients closes all connections of the backend again and again.
func (x *scene) cutClients(ctx context.Context) {
	if x.settings.cut == 0 {
		return
	}
	tick := time.NewTicker(x.settings.cut)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = x.backend.CutClients(ctx) // it may be away
		case <-ctx.Done():
			return
		}
	}
}

func (x *scene) restartBackend(ctx context.Context) error {
	how := x.settings.restart
	if how == noRestart {
		return nil
	}
	copied := filepath.Join(x.dir, "copy")
	if how == rolled {
		if err := os.CopyFS(copied, os.DirFS(x.data())); err != nil {
			return fmt.Errorf("chaos: copy the data: %w", err)
		}
		pause(ctx, time.Second)
	}
	x.log("%s goes away (%s)", x.settings.backend, how)
	if how == keepData {
		x.backend.Stop()
	} else {
		x.backend.Kill()
	}
	if err := x.replaceData(how, copied); err != nil {
		return fmt.Errorf("chaos: replace the data: %w", err)
	}
	pause(ctx, x.settings.down)
	if err := x.backend.Run(ctx); err != nil {
		return err
	}
	x.log("%s is back", x.settings.backend)
	return nil
}

func (x *scene) replaceData(how, copied string) error {
	if how != emptied && how != rolled {
		return nil
	}
	if err := os.RemoveAll(x.data()); err != nil {
		return err
	}
	if how == emptied {
		return os.Mkdir(x.data(), 0o700)
	}
	return os.Rename(copied, x.data())
}

// pauseNode lets the first node stand still.
func (x *scene) pauseNode(ctx context.Context) error {
	if x.settings.pause == 0 {
		return nil
	}
	pid := x.nodes[0].process.PID()
	x.log("node 0 stands still")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("chaos: stop node 0: %w", err)
	}
	pause(ctx, x.settings.pause)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		return fmt.Errorf("chaos: continue node 0: %w", err)
	}
	x.log("node 0 goes on")
	return nil
}

// killNode kills the last node and starts it again.
func (x *scene) killNode(ctx context.Context) error {
	if !x.settings.kill || len(x.nodes) < 2 {
		return nil
	}
	last := len(x.nodes) - 1
	x.log("node %d is killed", last)
	x.nodes[last].process.Kill()
	x.nodes[last].process.Stop()
	pause(ctx, x.settings.down)
	if err := x.startNode(ctx, last); err != nil {
		return err
	}
	x.log("node %d is back", last)
	return nil
}
