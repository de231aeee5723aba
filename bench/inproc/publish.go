//go:build linux

package inproc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/topic"
)

// message is what an application would publish.
type message struct {
	From string `json:"from"`
	Text string `json:"text"`
}

const manyPublishers = 64

// publishTyped measures publishing from Go to topics that nobody listens to:
// one publisher that waits for each answer, many that do, and one per core that
// does not.
func publishTyped(ctx context.Context, t Task) (map[string]float64, error) {
	policy := topic.Policy{Match: "*", History: -1}
	if t.History {
		policy.History = 0 // the default
	}
	topics, stop, err := start(policy)
	if err != nil {
		return nil, err
	}
	defer stop()
	value := message{From: "ann", Text: strings.Repeat("x", max(1, t.Payload-len(`{"from":"ann","text":""}`)))}

	figures := map[string]float64{}
	for _, part := range []func(context.Context, *topic.Topics, message, int, map[string]float64) error{
		ackedOne, ackedMany, posted,
	} {
		if err := part(ctx, topics, value, t.Count, figures); err != nil {
			return nil, fmt.Errorf("inproc: publish: %w", err)
		}
	}
	return figures, nil
}

func ackedOne(ctx context.Context, topics *topic.Topics, v message, n int, figures map[string]float64) error {
	n = max(1, n/4)
	room := topic.Of[message](topics, "room:one")
	if _, err := room.Publish(ctx, "m", v); err != nil { // spawns it
		return err
	}
	allocs, began := allocations(), time.Now()
	for range n {
		if _, err := room.Publish(ctx, "m", v); err != nil {
			return err
		}
	}
	figures[report.AckedOne] = time.Since(began).Seconds() * 1e6 / float64(n)
	figures[report.AckAllocs] = (allocations() - allocs) / float64(n)
	return nil
}

func ackedMany(ctx context.Context, topics *topic.Topics, v message, n int, figures map[string]float64) error {
	each := max(1, n/manyPublishers)
	began := time.Now()
	err := together(manyPublishers, func(i int) error {
		room := topic.Of[message](topics, "room:"+strconv.Itoa(i))
		for range each {
			if _, err := room.Publish(ctx, "m", v); err != nil {
				return err
			}
		}
		return nil
	})
	figures[report.AckedMany] = float64(each*manyPublishers) / time.Since(began).Seconds()
	return err
}

// posted counts until the topics have handled everything, not until it was
// accepted. A full mailbox makes the publisher yield and try again.
func posted(ctx context.Context, topics *topic.Topics, v message, n int, figures map[string]float64) error {
	const rooms = 64 // per publisher
	publishers := runtime.GOMAXPROCS(0)
	each := max(1, n/publishers)
	data := []byte(`{"from":"` + v.From + `","text":"` + v.Text + `"}`)
	var handled atomic.Int64
	done := func(topic.Receipt, error) { handled.Add(1) }
	allocs, began := allocations(), time.Now()
	err := together(publishers, func(p int) error {
		for i := range each {
			name := names[(p*rooms+i%rooms)%len(names)]
			m := topic.Message{Event: "m", Data: data, Checked: true}
			for err := topics.Post(name, m, done); err != nil; err = topics.Post(name, m, done) {
				if !errors.Is(err, topic.ErrOverloaded) || ctx.Err() != nil {
					return err
				}
				runtime.Gosched()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	total := int64(each * publishers)
	for handled.Load() < total && ctx.Err() == nil {
		runtime.Gosched()
	}
	figures[report.PostedPerS] = float64(total) / time.Since(began).Seconds()
	figures[report.PostAllocs] = (allocations() - allocs) / float64(total)
	return ctx.Err()
}

// names exist before they are needed, so that making them costs nothing.
var names = func() (all [1024]string) {
	for i := range all {
		all[i] = "post:" + strconv.Itoa(i)
	}
	return all
}()

// together runs fn n times at once and returns when all have returned.
func together(n int, fn func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = fn(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}
