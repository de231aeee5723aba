package topic_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// flaky fails the appends that it is told to.
type flaky struct {
	topic.Log
	mu    sync.Mutex
	fails []bool
}

func (f *flaky) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	f.mu.Lock()
	fail := len(f.fails) > 0 && f.fails[0]
	if len(f.fails) > 0 {
		f.fails = f.fails[1:]
	}
	f.mu.Unlock()
	time.Sleep(time.Millisecond)
	if fail {
		return topic.Appended{}, errDown
	}
	return f.Log.Append(ctx, name, batch, keep)
}

// When an append fails, what was posted behind it with the same Chain fails too, though the Log answers again; others
// go on.
func TestChain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: memory(t), fails: []bool{false, true}}
		topics := start(t, topic.Config{Log: log})
		r := subscribe(t, topics, "chat", nil)
		time.Sleep(time.Second)

		var chain topic.Chain
		answers := make([]error, 6)
		post := func(i int, c *topic.Chain) {
			m := topic.Message{Event: "n", Data: []byte(fmt.Sprint(i)), Chain: c}
			if err := topics.Post("chat", m, func(_ topic.Receipt, err error) { answers[i] = err }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // so that each is a batch, or waits for the one that is with the Log
		}
		post(0, &chain)
		post(1, &chain)
		time.Sleep(1500 * time.Microsecond) // 1 is with the Log
		post(2, &chain)
		post(3, nil)
		time.Sleep(time.Second)
		post(4, &chain)
		time.Sleep(time.Second)
		chain.Mend()
		post(5, &chain)
		time.Sleep(time.Second)
		synctest.Wait()
		for i, want := range []error{nil, topic.ErrUnavailable, topic.ErrBehind, nil, topic.ErrBehind, nil} {
			if !errors.Is(answers[i], want) {
				t.Errorf("message %d: %v, want %v", i, answers[i], want)
			}
		}
		h, err := topics.History(t.Context(), "chat", topic.Position{}, 0)
		kept := ""
		for _, e := range h.Events {
			kept += string(e.Data())
		}
		if err != nil || kept != "035" || r.heard() != "joined@0 1 2 3" {
			t.Errorf("kept %s, heard %s, %v", kept, r.heard(), err)
		}
	})
}
