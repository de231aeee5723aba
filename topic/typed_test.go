package topic_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

type chat struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topics := start(t, topic.Config{})
		room := topic.Of[chat](topics, "room:42")
		first, err := room.Publish(t.Context(), "created", chat{"ann", "hi"}, topic.WithID("x"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := room.Publish(t.Context(), "created", chat{"ann", "hi"}, topic.WithID("x")); err != nil || again != first {
			t.Errorf("the same id gave %v, %v", again, err)
		}
		go func() {
			time.Sleep(time.Second)
			_, _ = room.Publish(t.Context(), "created", chat{"bob", "hello"})
			publish(t, topics, "room:42", `"not a chat"`)
			_ = room.Clear(t.Context())
			_, _ = room.Publish(t.Context(), "created", chat{"cid", "anyone?"})
		}()
		var heard []string
		for v, err := range room.Events(t.Context(), topic.Since(topic.Position{Epoch: first.Epoch})) {
			var loss *topic.LossError
			var decode *topic.DecodeError
			switch {
			case errors.As(err, &loss):
				heard = append(heard, "loss")
			case errors.As(err, &decode):
				heard = append(heard, "decode")
			case err != nil:
				t.Fatal(err)
			default:
				heard = append(heard, v.Data.From)
			}
			if v.Data.From == "cid" {
				break
			}
		}
		if got := len(heard); got != 5 || heard[0] != "ann" || heard[1] != "bob" || heard[2] != "decode" || heard[3] != "loss" {
			t.Errorf("heard %v", heard)
		}
		values, err := room.Since(t.Context(), topic.Position{}, 10)
		if err != nil || len(values) != 1 || values[0].Data.Text != "anyone?" {
			t.Errorf("since: %v, %v", values, err)
		}
		if _, err := room.Since(t.Context(), first, 10); !errors.As(err, new(*topic.LossError)) {
			t.Errorf("since an old epoch: %v", err)
		}
		if head, err := room.Seq(t.Context()); err != nil || head.Seq != 1 || head.Epoch == first.Epoch {
			t.Errorf("head %v, %v", head, err)
		}
		time.Sleep(time.Hour)
		if topics.Len() != 0 {
			t.Error("a loop that ended left its topic in use")
		}
	})
}

// REP-13: data that can not be encoded is refused, and nothing is kept.
func TestRoomRefusesData(t *testing.T) {
	t.Parallel()
	topics := start(t, topic.Config{})
	room := topic.Of[any](topics, "room")
	var input *topic.InputError
	for _, data := range []any{math.Inf(1), make(chan int), func() {}} {
		if _, err := room.Publish(t.Context(), "e", data); !errors.As(err, &input) || input.Field != "data" {
			t.Errorf("%T: %v", data, err)
		}
	}
	if head, err := room.Seq(t.Context()); err != nil || head.Seq != 0 {
		t.Errorf("head %v, %v", head, err)
	}
}

func TestPositionText(t *testing.T) {
	t.Parallel()
	for _, p := range []topic.Position{{}, {Epoch: "x", Seq: math.MaxUint64}} {
		if got, err := topic.ParsePosition(p.String()); err != nil || got != p {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "x", "x/", "x/-1", "x/1.5", "x/y"} {
		if _, err := topic.ParsePosition(bad); !errors.As(err, new(*topic.InputError)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add("e/5")
	f.Add("/18446744073709551615")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := topic.ParsePosition(s)
		if err != nil {
			return
		}
		if again, err := topic.ParsePosition(p.String()); err != nil || again != p {
			t.Fatalf("%q: %v became %v, %v", s, p, again, err)
		}
	})
}
