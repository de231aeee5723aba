package topic_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var errDown = errors.New("connection refused")

func TestLogFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &remote{Log: memory(t), delay: time.Millisecond}
		topics := start(t, topic.Config{Log: log})
		r := subscribe(t, topics, "chat", nil)
		time.Sleep(time.Second)
		publish(t, topics, "chat", "1")

		log.set(func(l *remote) { l.fail = errDown })
		_, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n"})
		if !errors.Is(err, topic.ErrUnavailable) || !errors.Is(err, errDown) {
			t.Errorf("publish: %v", err)
		}
		late := subscribe(t, topics, "chat", at("", 0)) // the window has it
		other := subscribe(t, topics, "other", nil)
		time.Sleep(time.Second / 2)
		if late.heard() != "joined@1 1" || other.heard() != "refused" {
			t.Errorf("heard %s and %s", late.heard(), other.heard())
		}
		if _, err := topics.History(t.Context(), "chat", topic.Position{}, 0); !errors.Is(err, topic.ErrUnavailable) {
			t.Errorf("history: %v", err)
		}

		log.set(func(l *remote) { l.fail = nil })
		publish(t, topics, "chat", "1")
		time.Sleep(time.Minute)
		if r.heard() != "joined@0 1 2" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

// An append that was kept although its answer was lost reaches the receivers.
func TestLogFailsAfterKeeping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &remote{Log: memory(t), delay: time.Millisecond}
		topics := start(t, topic.Config{Log: log})
		r := subscribe(t, topics, "chat", nil)
		time.Sleep(time.Second)
		publish(t, topics, "chat", "1")
		log.set(func(l *remote) { l.fail, l.after = errDown, true })
		m := topic.Message{Event: "n", ID: "a"}
		if _, err := topics.Publish(t.Context(), "chat", m); !errors.Is(err, topic.ErrUnavailable) {
			t.Errorf("publish: %v", err)
		}
		log.set(func(l *remote) { l.fail = nil })
		time.Sleep(3 * time.Second)
		if r.heard() != "joined@0 1 2" {
			t.Errorf("heard %s before the retry", r.heard())
		}
		if got, err := topics.Publish(t.Context(), "chat", m); err != nil || !got.Duplicate || got.Position.Seq != 2 {
			t.Errorf("retry: %+v, %v", got, err)
		}
		publish(t, topics, "chat", "1")
		synctest.Wait()
		if r.heard() != "joined@0 1 2 3" {
			t.Errorf("heard %s", r.heard())
		}
	})
}

func TestLogHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &remote{Log: memory(t), hang: true}
		topics := start(t, topic.Config{Log: log, Timeout: 2 * time.Second})
		began := time.Now()
		if _, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n"}); !errors.Is(err, topic.ErrUnavailable) {
			t.Errorf("publish: %v", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("publish took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := topics.Publish(ctx, "chat", topic.Message{Event: "n"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("publish: %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("publish took %s", took)
		}
		log.set(func(l *remote) { l.hang = false })
	})
}

// While a batch is with the Log the next one gathers, and too much is refused.
func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &remote{Log: memory(t), delay: 10 * time.Millisecond}
		topics := start(t, topic.Config{Log: log, Policies: []topic.Policy{{Match: "*", History: 100_000}}})
		var ok, overloaded int
		for i := range 20_000 {
			err := topics.Post("chat", topic.Message{Event: "n"}, func(_ topic.Receipt, err error) {
				switch {
				case err == nil:
					ok++
				case errors.Is(err, topic.ErrOverloaded):
					overloaded++
				default:
					t.Error(err)
				}
			})
			if err != nil && !errors.Is(err, topic.ErrOverloaded) {
				t.Fatal(err)
			}
			if err != nil {
				overloaded++
			}
			if i%1000 == 0 {
				synctest.Wait() // the actor takes what is in its mailbox
			}
		}
		began := time.Now()
		publishAgain := func() error {
			_, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "last"})
			return err
		}
		for errors.Is(publishAgain(), topic.ErrOverloaded) {
			time.Sleep(time.Millisecond)
		}
		if ok+overloaded != 20_000 || overloaded == 0 || ok < 8192 {
			t.Errorf("%d accepted, %d refused", ok, overloaded)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%d messages took %s: they were not batched", ok, took)
		}
		h, err := topics.History(t.Context(), "chat", topic.Position{}, 0)
		if err != nil || len(h.Events) != ok+1 {
			t.Errorf("%d events kept of %d accepted, %v", len(h.Events), ok+1, err)
		}
	})
}

// faultyLog is a local Log with a bug.
type faultyLog struct {
	topic.LocalLog
	append, read bool // panic, once
}

func (l *faultyLog) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	if l.append {
		l.append = false
		panic("append")
	}
	return l.LocalLog.Append(ctx, name, batch, keep)
}

func (l *faultyLog) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	if l.read {
		l.read = false
		panic("read")
	}
	return l.LocalLog.Read(ctx, name, after, limit, keep)
}

// A Log that panics costs what was asked of it, which is answered once; the topic
// goes on.
func TestLogPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &faultyLog{LocalLog: memory(t).(topic.LocalLog), append: true, read: true}
		topics := start(t, topic.Config{Log: log})
		r := subscribe(t, topics, "chat", nil)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := topics.Publish(ctx, "chat", topic.Message{Event: "n"}); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("publish: %v", err)
		}
		time.Sleep(time.Second)
		publish(t, topics, "chat", "1")
		synctest.Wait()
		if r.heard() != "refused" {
			t.Errorf("the first heard %s", r.heard())
		}
		again := subscribe(t, topics, "chat", at("", 0))
		synctest.Wait()
		if again.heard() != "joined@1 1" {
			t.Errorf("the second heard %s", again.heard())
		}
	})
}

func TestPanicKeepsReceivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		bad := subscribe(t, topics, "chat", nil)
		publish(t, topics, "chat", "1")
		synctest.Wait()
		bad.onDel = func() { bad.onDel = nil; panic("a receiver's bug") }
		_, err := topics.Publish(t.Context(), "chat", topic.Message{Event: "n"})
		if err == nil {
			t.Error("the publisher was not told")
		}
		time.Sleep(time.Second)
		publish(t, topics, "chat", "1")
		time.Sleep(time.Second)
		// Which of the two was given 2 before the panic is chance; both have 3.
		for _, x := range []*recorder{r, bad} {
			if n := x.numbers(); n[len(n)-1] != 3 {
				t.Errorf("heard %s", x.heard())
			}
		}
	})
}

func TestFailedTopic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		r := subscribe(t, topics, "chat", nil)
		synctest.Wait()
		r.onDel = func() { panic("always") }
		for range 20 {
			_, _ = topics.Publish(t.Context(), "chat", topic.Message{Event: "n"})
		}
		time.Sleep(10 * time.Second)
		if r.heard() != "joined@0 failed" {
			t.Errorf("heard %s", r.heard())
		}
		r.onDel = nil
		publish(t, topics, "chat", "1")
	})
}

func TestLagged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		for range 5 {
			publish(t, topics, "chat", "0")
		}
		room := topic.Of[int](topics, "chat")
		var got []int
		var end error
		for v, err := range room.Events(t.Context(), topic.Since(topic.Position{}), topic.Buffer(3)) {
			if err != nil {
				end = err
				continue
			}
			got = append(got, v.Data)
			if len(got) == 1 {
				for i := range 20 {
					publish(t, topics, "chat", fmt.Sprint(i+1))
				}
			}
		}
		if !errors.Is(end, topic.ErrLagged) || len(got) < 5 {
			t.Errorf("got %v, then %v", got, end)
		}
		for i, n := range got[5:] {
			if n != i+1 {
				t.Errorf("a hole before the end: %v", got)
			}
		}
	})
}
