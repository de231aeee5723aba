package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

var errAway = fmt.Errorf("%w: connection refused", topic.ErrUnavailable)

// TestDeadLetters has rows that can never be published, beside others of the same topic.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.answers(func(_ string, m topic.Message) error {
		if strings.HasPrefix(m.Event, "bad") {
			return &topic.InputError{Field: "event", Rule: "must not be bad"}
		}
		return nil
	})
	tx := begin(t, url)
	publish(t, tx, "room", "a")
	first := publish(t, tx, "room", "bad1")
	publish(t, tx, "room", "b")
	second := publish(t, tx, "room", "bad2", outbox.ID("mine"))
	publish(t, tx, "room", "c")
	commit(t, tx)
	start(t, db, topics)
	topics.mustGet(t, "room a", "room b", "room c")
	mustBe(t, db, 0, 2)
	letters, err := outbox.Dead(t.Context(), db, 0, 10)
	if err != nil || len(letters) != 2 || letters[0].ID != first || letters[1].ID != second {
		t.Fatalf("got %+v, %v", letters, err)
	}
	if l := letters[0]; l.Topic != "room" || l.Event != "bad1" || l.Data != `{"of":"bad1"}` || l.Tries != 1 ||
		!strings.HasSuffix(l.Key, fmt.Sprintf("-%d", first)) || !strings.Contains(l.Reason, "must not be bad") || l.Died.Before(l.Published) {
		t.Errorf("got %+v", l)
	}
	if more, err := outbox.Dead(t.Context(), db, first, 1); err != nil || len(more) != 1 || more[0].Key != "mine" {
		t.Errorf("got %+v, %v", more, err)
	}
	topics.answers(nil)
	if n, err := outbox.Retry(t.Context(), db, second, first, 12345); err != nil || n != 2 {
		t.Errorf("retried %d, %v", n, err)
	}
	topics.mustGet(t, "room a", "room b", "room c", "room bad1", "room bad2")
	mustBe(t, db, 0, 0)
}

// TestDiscard removes dead letters, and lets old ones expire.
func TestDiscard(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.answers(func(string, topic.Message) error { return &topic.InputError{Field: "data", Rule: "must be other"} })
	tx := begin(t, url)
	ids := []int64{publish(t, tx, "room", "a"), publish(t, tx, "room", "b"), publish(t, tx, "room", "c")}
	commit(t, tx)
	f := start(t, db, topics)
	mustBe(t, db, 0, 3)
	if n, err := outbox.Discard(t.Context(), db, ids[0]); err != nil || n != 1 {
		t.Errorf("discarded %d, %v", n, err)
	}
	if _, err := outbox.Discard(t.Context(), db, make([]int64, outbox.MaxLetters+1)...); err == nil {
		t.Error("took too many")
	}
	stop(t, f)
	exec(t, connect(t, url), "update troupe.outbox_dead set died = died - interval '2 hours' where id = $1", ids[1])
	start(t, db, topics, func(c *outbox.Config) { c.KeepDead = time.Hour })
	mustBe(t, db, 0, 1)
}

// TestTries has a topic refuse a row again and again. It is given up, and the rest of the topic goes on in order.
func TestTries(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.answers(func(_ string, m topic.Message) error {
		if m.Event == "poison" {
			return topic.ErrFailed
		}
		return nil
	})
	tx := begin(t, url)
	for _, event := range []string{"a", "poison", "b", "c"} {
		publish(t, tx, "room", event)
		publish(t, tx, "other", event+"2")
	}
	commit(t, tx)
	start(t, db, topics, func(c *outbox.Config) { c.MaxTries = 4 })
	mustBe(t, db, 0, 1)
	letters, err := outbox.Dead(t.Context(), db, 0, 10)
	if err != nil || len(letters) != 1 || letters[0].Event != "poison" || letters[0].Tries != 4 || letters[0].Reason != topic.ErrFailed.Error() {
		t.Errorf("got %+v, %v", letters, err)
	}
	if room, other := topics.of("room"), topics.of("other"); !slices.Equal(room, []string{"a", "b", "c"}) ||
		!slices.Equal(other, []string{"a2", "poison2", "b2", "c2"}) {
		t.Errorf("room got %q, other %q", room, other)
	}
}

// TestBackendAway has what is behind some topics be away: no tries are counted, order is kept, and other topics go on.
func TestBackendAway(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.answers(func(name string, m topic.Message) error {
		if name == "room" && m.Event != "a" {
			return errAway
		}
		return nil
	})
	tx := begin(t, url)
	for _, event := range []string{"a", "b", "c"} {
		publish(t, tx, "room", event)
	}
	commit(t, tx)
	f := start(t, db, topics, func(c *outbox.Config) { c.MaxTries = 1 })
	topics.mustGet(t, "room a")
	app := connect(t, url)
	publish(t, app, "other", "x")
	publish(t, app, "room", "d")
	topics.mustGet(t, "room a", "other x")
	mustBe(t, db, 3, 0)
	if s := f.State(); !s.Leader || !errors.Is(s.Err, topic.ErrUnavailable) || s.ErrAt.IsZero() {
		t.Errorf("state %+v", s)
	}
	pgtest.Eventually(t, soon, "lag grows", func() error {
		if b, err := outbox.Look(t.Context(), db); err != nil || b.Lag < 100*time.Millisecond {
			return fmt.Errorf("%+v, %v", b, err)
		}
		return nil
	})
	topics.answers(nil)
	topics.mustGet(t, "room a", "other x", "room b", "room c", "room d")
	mustBe(t, db, 0, 0)
}

// TestSlowTopic has one topic not answer: others go on, and it goes on where it was.
func TestSlowTopic(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	topics.hold = func(name string) bool { return name == "slow" }
	app := connect(t, url)
	publish(t, app, "slow", "a")
	start(t, db, topics)
	topics.mustGet(t, "slow a")
	publish(t, app, "slow", "b")
	publish(t, app, "other", "x")
	topics.mustGet(t, "slow a", "other x")
	topics.mu.Lock()
	topics.hold = nil
	for _, answer := range topics.held {
		answer()
	}
	topics.mu.Unlock()
	topics.mustGet(t, "slow a", "other x", "slow b")
	mustBe(t, db, 0, 0)
}

// TestTopicsClosed ends a leader on a node that stops, so that another leads.
func TestTopicsClosed(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	closed := newFake()
	closed.answers(func(string, topic.Message) error { return topic.ErrClosed })
	f := start(t, db, closed)
	pgtest.Eventually(t, soon, "it leads", func() error { return leads(f, true) })
	topics := newFake()
	start(t, db, topics)
	publish(t, connect(t, url), "room", "a")
	topics.mustGet(t, "room a")
	if err := leads(f, false); err != nil {
		t.Error(err)
	}
}

func leads(f *outbox.Forwarder, want bool) error {
	if s := f.State(); s.Leader != want {
		return fmt.Errorf("leader %t, last error %v", s.Leader, s.Err)
	}
	return nil
}

// TestNothingOvertakes has the store fail now and then, before or after it has done its work, while a lot waits.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	log := &moody{Log: memstore.New(memstore.Config{})}
	topics := topicsOver(t, actors.NewSystem(actors.Config{}), log, topic.Policy{History: 100_000})
	tx := begin(t, url)
	const n = 300
	for i := range n {
		publish(t, tx, fmt.Sprint("room:", i%2), fmt.Sprint(i))
	}
	commit(t, tx)
	start(t, db, topics)
	mustBe(t, db, 0, 0)
	for room := range 2 {
		h, err := topics.History(t.Context(), fmt.Sprint("room:", room), topic.Position{}, 0)
		if err != nil || len(h.Events) != n/2 {
			t.Fatalf("%d events, %v", len(h.Events), err)
		}
		for i, e := range h.Events {
			if e.Name() != fmt.Sprint(2*i+room) {
				t.Fatalf("room %d: %s at place %d", room, e.Name(), i)
			}
		}
	}
	if log.failed.Load() < 5 {
		t.Errorf("failed %d times", log.failed.Load())
	}
}

// A moody Log fails every third time, and half of those it has done its work.
type moody struct {
	topic.Log
	calls, failed atomic.Int64
}

func (m *moody) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	n := m.calls.Add(1)
	if n%3 != 1 {
		return m.Log.Append(ctx, name, batch, keep)
	}
	m.failed.Add(1)
	if n%2 == 0 {
		if _, err := m.Log.Append(ctx, name, batch, keep); err != nil {
			return topic.Appended{}, err
		}
	}
	return topic.Appended{}, errors.New("in a bad mood")
}
