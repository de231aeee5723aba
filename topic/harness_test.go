package topic_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start gives Topics that end with the test. Zero fields of cfg are filled in.
func start(t testing.TB, cfg topic.Config) *topic.Topics {
	t.Helper()
	if cfg.System == nil {
		cfg.System = actors.NewSystem(actors.Config{})
	}
	if cfg.Log == nil {
		cfg.Log = memory(t)
	}
	topics, err := topic.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(topics.Close(ctx), cfg.System.Close(ctx)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return topics
}

func memory(testing.TB) topic.Log { return memstore.New(memstore.Config{}) }

func publish(t testing.TB, topics *topic.Topics, name, data string) topic.Receipt {
	t.Helper()
	r, err := topics.Publish(t.Context(), name, topic.Message{Event: "n", Data: []byte(data)})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return r
}

// recorder is an Outlet that writes down what it is given, one word an item.
type recorder struct {
	mu    sync.Mutex
	words []string
	seqs  []uint64
	bytes [][]byte
	onDel func() // what Deliver does first; it may panic
}

func (r *recorder) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.words = append(r.words, fmt.Sprintf(format, args...))
}

func (r *recorder) events(evs []*topic.Event) {
	for _, e := range evs {
		switch l := e.Loss(); {
		case l != nil && l.Stale:
			r.say("stale")
		case l != nil:
			r.say("T(%d,%d)", l.Since, l.Oldest)
		case e.Seq() > 0:
			r.say("%d", e.Seq())
		default:
			r.say("%s", e.Data())
		}
		r.mu.Lock()
		r.seqs, r.bytes = append(r.seqs, e.Seq()), append(r.bytes, e.JSON())
		r.mu.Unlock()
	}
}

func (r *recorder) Deliver(_ string, b *topic.Batch) {
	if r.onDel != nil {
		r.onDel()
	}
	r.events(b.Events)
}

func (r *recorder) Joined(_ string, who any, j topic.Joined) {
	if j.Err != nil {
		r.say("refused")
		return
	}
	r.say("joined@%d", j.Head.Seq)
	if j.Missed != nil {
		r.events(j.Missed.Events)
	}
}

func (r *recorder) Left(string, any) { r.say("left") }

func (r *recorder) Closed(_ string, err error) {
	switch {
	case errors.Is(err, topic.ErrFailed):
		r.say("failed")
	default:
		r.say("closed")
	}
}

func (r *recorder) heard() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.words, " ")
}

func (r *recorder) numbers() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64(nil), r.seqs...)
}

func subscribe(t testing.TB, topics *topic.Topics, name string, since *topic.Position) *recorder {
	t.Helper()
	r := &recorder{}
	if err := topics.Subscribe(name, topic.Subscription{Outlet: r, Receiver: r, Since: since}); err != nil {
		t.Fatal(err)
	}
	return r
}

func at(epoch string, seq uint64) *topic.Position { return &topic.Position{Epoch: epoch, Seq: seq} }

// remote makes a Log whose calls take time and can be made to fail or hang, as
// one behind a network does.
type remote struct {
	topic.Log
	delay time.Duration

	mu    sync.Mutex
	fail  error
	after bool // fail after the work was done
	hang  bool
	reads int
}

func (r *remote) set(f func(*remote)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *remote) wait(ctx context.Context) (fail error, after bool) {
	time.Sleep(r.delay)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hang {
		r.mu.Unlock()
		<-ctx.Done()
		r.mu.Lock()
		return ctx.Err(), false
	}
	return r.fail, r.after
}

func (r *remote) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	fail, after := r.wait(ctx)
	if fail != nil && !after {
		return topic.Appended{}, fail
	}
	a, err := r.Log.Append(ctx, name, batch, keep)
	if fail != nil {
		return topic.Appended{}, fail
	}
	return a, err
}

func (r *remote) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	r.set(func(r *remote) { r.reads++ })
	if fail, _ := r.wait(ctx); fail != nil {
		return topic.Page{}, fail
	}
	return r.Log.Read(ctx, name, after, limit, keep)
}
