//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/outbox/check"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

// A receiver is a node that follows every topic.
type receiver struct {
	node   *cluster.Node
	record *record
	got    atomic.Int64
	wg     sync.WaitGroup
}

func startReceiver(ctx context.Context, x *scene, i int) (*receiver, error) {
	name := fmt.Sprintf("receiver-%d", i)
	n, err := startNode(context.WithoutCancel(ctx), x.server.URL(), name, false)
	if err != nil {
		return nil, err
	}
	r, err := newRecord(x.folder, name)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	v := &receiver{node: n, record: r}
	for i := range x.s.topics {
		v.wg.Go(func() { v.follow(ctx, fmt.Sprint("topic:", i)) })
	}
	return v, nil
}

// follow writes down what comes, from the beginning on. When it is cut off it goes on where it was.
func (v *receiver) follow(ctx context.Context, name string) {
	var at topic.Position
	for ctx.Err() == nil {
		for e, err := range topic.Of[string](v.node.Topics(), name).Events(ctx, topic.Since(at), topic.Buffer(kept)) {
			if err != nil {
				break // a loss shows as a hole
			}
			v.record.write(check.Line{Kind: check.Got, Topic: name, Seq: e.Position.Seq, ID: e.Data})
			v.got.Add(1)
			at = e.Position
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (v *receiver) close(ctx context.Context) error {
	v.wg.Wait()
	return errors.Join(v.node.Drain(ctx), v.record.close())
}
