package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// listen subscribes to a topic's channel and returns what takes the next frame.
func listen(t *testing.T, s *Store, name string) func() string {
	t.Helper()
	client, channel := s.conn.Client(), s.names.Channel(name)
	subscribe := client.Subscribe
	if s.conn.Cluster() {
		subscribe = client.SSubscribe
	}
	sub := subscribe(t.Context(), channel)
	t.Cleanup(func() { _ = sub.Close() })
	if _, err := sub.Receive(t.Context()); err != nil { // it is subscribed
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		msg, err := sub.ReceiveMessage(ctx)
		if err != nil {
			t.Fatalf("no frame: %v", err)
		}
		return msg.Payload
	}
}

// wantRun compares a frame with one run of these events.
func wantRun(t *testing.T, frame, line string, want ...topic.Entry) {
	t.Helper()
	rest, ok := strings.CutPrefix(frame, string(topic.FrameHead("test"))+line+"\n")
	if !ok {
		t.Fatalf("frame %q, want line %q", frame, line)
	}
	recs, err := topic.ReadEntries([]byte(rest), len(want))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range recs {
		if r.Name != want[i].Name || !bytes.Equal(r.Data, want[i].Data) {
			t.Errorf("event %d is %s %s, want %s %s", i, r.Name, r.Data, want[i].Name, want[i].Data)
		}
	}
}

func checkRelay(t *testing.T, s *Store) {
	next := listen(t, s, "t")
	batch := []topic.Entry{{ID: "1", Name: "a", Data: []byte(`"x"`)}, event("y"), {ID: "1", Name: "b", Data: []byte("1")}, event("z")}
	a := put(t, s, "t", batch...)
	wantRun(t, next(), fmt.Sprintf("%s 1 %d 3", a.Epoch, a.At.UnixMilli()), batch[0], batch[1], batch[3])

	put(t, s, "t", topic.Entry{ID: "1", Name: "again", Data: []byte("1")}) // sends nothing
	b := put(t, s, "t", event("fresh"), topic.Entry{ID: "1", Name: "again", Data: []byte("1")})
	wantRun(t, next(), fmt.Sprintf("%s 4 %d 1", b.Epoch, b.At.UnixMilli()), event("fresh"))

	if err := s.Renew(t.Context(), "t", "another"); err != nil { // sends nothing
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), "t", a.Epoch); err != nil {
		t.Fatal(err)
	}
	wantRun(t, next(), get(t, s, "t").Head.Epoch+" 5 0 0")
	if err := s.Clear(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	wantRun(t, next(), get(t, s, "t").Head.Epoch+" 1 0 0")
}

func TestRelays(t *testing.T) {
	t.Parallel()
	checkRelay(t, open(t, redistest.Start(t).URL()))
}

// Topics of another node understand what the scripts send.
func TestFramesAreUnderstood(t *testing.T) {
	t.Parallel()
	a := open(t, redistest.Start(t).URL())
	b := New(Config{Conn: a.conn, Node: "other"})
	relay := &wire{sub: a.conn.Client().Subscribe(t.Context()), channel: a.names.Channel}
	defer relay.close()
	topics := startTopics(t, topic.Config{Log: b, Relay: relay, Node: "other"})
	next, stop := iter.Pull2(topic.Of[string](topics, "t").Events(t.Context(), topic.Since(topic.Position{})))
	defer stop()
	want := func(seq uint64, data string) {
		t.Helper()
		v, err, _ := next()
		if err != nil || v.Position.Seq != seq || v.Data != data {
			t.Fatalf("got %v %v, want number %d, %q", v, err, seq, data)
		}
	}
	put(t, a, "t", event("in the log"))
	want(1, "in the log") // now the topic is followed
	put(t, a, "t", event("2"), event("3"))
	put(t, a, "t", event("4"))
	want(2, "2")
	want(3, "3")
	want(4, "4")

	put(t, a, "t", event("5"))
	want(5, "5")
	if err := a.Clear(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	var loss *topic.LossError
	if _, err, _ := next(); !errors.As(err, &loss) {
		t.Fatalf("after Clear came %v, want a loss", err)
	}
	put(t, a, "t", event("new"))
	want(1, "new")
}

func startTopics(t testing.TB, cfg topic.Config) *topic.Topics {
	t.Helper()
	cfg.System = actors.NewSystem(actors.Config{})
	topics, err := topic.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = topics.Close(context.Background())
		_ = cfg.System.Close(context.Background())
	})
	return topics
}

// A wire brings one topic's frames, and loses none.
type wire struct {
	sub     *redis.PubSub
	channel func(string) string
	reader  sync.WaitGroup
}

func (w *wire) Publish(context.Context, string, []byte) error { return nil }
func (w *wire) Unfollow(string)                               {}

func (w *wire) Follow(ctx context.Context, name string, to topic.Sink) error {
	if err := w.sub.Subscribe(ctx, w.channel(name)); err != nil {
		return err
	}
	if _, err := w.sub.Receive(ctx); err != nil {
		return err
	}
	w.reader.Go(func() {
		for msg := range w.sub.Channel() {
			to.Received(name, []byte(msg.Payload))
		}
	})
	return nil
}

func (w *wire) close() {
	_ = w.sub.Close()
	w.reader.Wait()
}
