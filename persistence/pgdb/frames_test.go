package pgdb_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// assemble gives payloads to an Assembler as notifications of a process.
func assemble(t *testing.T, a *pgdb.Assembler, pid uint32, payloads []string) (frames []pgdb.Frame) {
	t.Helper()
	for _, p := range payloads {
		if len(p) > 7999 || strings.ContainsRune(p, 0) {
			t.Fatalf("Postgres does not take a payload of %d bytes", len(p))
		}
		f, err := a.Add(pgdb.Notification{Payload: p, PID: pid})
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f...)
	}
	return frames
}

func same(a, b []pgdb.Frame) bool {
	return slices.EqualFunc(a, b, func(a, b pgdb.Frame) bool { return a.Topic == b.Topic && bytes.Equal(a.Body, b.Body) })
}

func body(size int) []byte {
	b := make([]byte, min(size, 100_003)) // a prime, so that no two chunks are the same
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return bytes.Repeat(b, size/100_003+1)[:size]
}

func TestFrameSizes(t *testing.T) {
	t.Parallel()
	var a pgdb.Assembler
	if got := pgdb.Payloads(nil); got != nil {
		t.Errorf("nothing needs %d payloads", len(got))
	}
	sizes := []int{0, 1, 127, 128, 20 << 20}
	for chunks := range 4 {
		for near := -12; near <= 12; near++ {
			sizes = append(sizes, max(0, chunks*pgdb.ChunkBytes+near))
		}
	}
	var all []pgdb.Frame
	for _, size := range sizes {
		f := []pgdb.Frame{{Topic: fmt.Sprint("room/", size), Body: body(size)}}
		if got := assemble(t, &a, 1, pgdb.Payloads(f)); !same(got, f) {
			t.Fatalf("%d bytes came back as %d frames", size, len(got))
		}
		if size < 1<<20 {
			all = append(all, f...)
		}
	}
	if got := assemble(t, &a, 1, pgdb.Payloads(all)); !same(got, all) {
		t.Error("many frames at once did not come back")
	}
	if n := len(pgdb.Payloads(slices.Repeat([]pgdb.Frame{{Topic: "room", Body: body(200)}}, 28))); n != 1 {
		t.Errorf("28 frames of 200 bytes need %d payloads", n)
	}
}

// More than fits into a packet goes in several.
func TestManyLargeFrames(t *testing.T) {
	t.Parallel()
	big := body(33 << 20)
	frames := []pgdb.Frame{{Topic: "a", Body: big}, {Topic: "b", Body: big}, {Topic: "c", Body: []byte("x")}}
	var a pgdb.Assembler
	if got := assemble(t, &a, 1, pgdb.Payloads(frames)); !same(got, frames) {
		t.Errorf("%d frames came back", len(got))
	}
}

func TestAssemblerRefuses(t *testing.T) {
	t.Parallel()
	f := []pgdb.Frame{{Topic: "room", Body: body(3 * pgdb.ChunkBytes)}}
	p, other := pgdb.Payloads(f), pgdb.Payloads(f)
	one := func(payload string) pgdb.Notification { return pgdb.Notification{Payload: payload, PID: 1} }
	for name, c := range map[string]struct {
		add  []pgdb.Notification
		fine bool // all frames come, and the rest is refused
	}{
		"a stranger between":     {[]pgdb.Notification{one(p[0]), one("hello"), one(p[1]), one(""), one("x 1/2 "), one(p[2]), one(p[3])}, true},
		"another's part between": {[]pgdb.Notification{one(p[0]), one(other[1]), one(p[1]), one(p[2]), one(p[3])}, true},
		"again from the start":   {[]pgdb.Notification{one(p[0]), one(p[1]), one(other[0]), one(other[1]), one(other[2]), one(other[3])}, true},
		"one is missing":         {[]pgdb.Notification{one(p[0]), one(p[2]), one(p[3])}, false},
		"the first is missing":   {[]pgdb.Notification{one(p[1]), one(p[2]), one(p[3])}, false},
		"of two processes":       {[]pgdb.Notification{one(p[0]), {Payload: p[1], PID: 2}, one(p[2]), one(p[3])}, false},
		"no base64":              {[]pgdb.Notification{one(p[0]), one(p[1][:100] + "!" + p[1][101:]), one(p[2]), one(p[3])}, false},
		"too short":              {[]pgdb.Notification{one(p[0]), one(p[1][:100]), one(p[2]), one(p[3])}, false},
		"too many":               {[]pgdb.Notification{one("01234567 1/99999999 QUJD")}, false},
		"past the end":           {[]pgdb.Notification{one("01234567 3/2 QUJD")}, false},
		"none":                   {[]pgdb.Notification{one("01234567 0/0 QUJD")}, false},
		"no frames in it":        {[]pgdb.Notification{one("01234567 1/1 ////")}, false},
	} {
		var a pgdb.Assembler
		var got []pgdb.Frame
		refused := false
		for _, n := range c.add {
			frames, err := a.Add(n)
			got, refused = append(got, frames...), refused || err != nil
		}
		if !refused || c.fine != same(got, f) || !c.fine && len(got) > 0 {
			t.Errorf("%s: refused %t, %d frames", name, refused, len(got))
		}
		got = nil
		for i, payload := range pgdb.Payloads(f) {
			frames, err := a.Add(one(payload))
			if got = append(got, frames...); err != nil && i > 0 { // the first may tell that the packet before it had no end
				t.Errorf("%s: %v", name, err)
			}
		}
		if !same(got, f) {
			t.Errorf("%s: what came after it was lost", name)
		}
	}
}

// Real notifications: what is the same twice in a transaction arrives twice.
func TestFramesThroughPostgres(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	var a pgdb.Assembler
	var got []pgdb.Frame
	done := make(chan struct{})
	l := db.Listen(pgdb.ListenConfig{Role: "bus", Channels: []string{db.FrameChannel()}, Received: func(n pgdb.Notification) {
		frames, err := a.Add(n)
		if err != nil {
			t.Error(err)
		}
		for _, f := range frames {
			if f.Topic == "end" {
				close(done)
				return
			}
			got = append(got, f)
		}
	}})
	defer l.Close()
	<-l.First()
	small, large := pgdb.Frame{Topic: "room", Body: []byte("same")}, pgdb.Frame{Topic: "room", Body: body(50_000)}
	send := func(transaction ...[]pgdb.Frame) {
		t.Helper()
		err := db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
			for _, frames := range transaction {
				if _, err := q.Exec(ctx, "select pg_notify($1, p) from unnest($2::text[]) with ordinality as u(p, n) order by n", db.FrameChannel(), pgdb.Payloads(frames)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	send([]pgdb.Frame{small}, []pgdb.Frame{small}, []pgdb.Frame{large}, []pgdb.Frame{large}, []pgdb.Frame{small, small})
	send([]pgdb.Frame{small})
	send([]pgdb.Frame{{Topic: "end"}})
	<-done
	if want := []pgdb.Frame{small, small, large, large, small, small, small}; !same(got, want) {
		t.Errorf("%d frames, want %d", len(got), len(want))
	}
}

// FuzzAssembler: whatever comes, nothing panics, and what Payloads made comes back byte for byte, also between others' notifications.
func FuzzAssembler(f *testing.F) {
	f.Add("hello", []byte("a"), uint16(10), uint8(1))
	f.Add("01234567 1/1 AAAA", []byte{0, 255}, uint16(9000), uint8(2))
	f.Add("01234567 2/3 AAAA", []byte{}, uint16(30000), uint8(3))
	f.Add("01234567 1/11000 ", []byte("x"), uint16(6000), uint8(0))
	f.Fuzz(func(t *testing.T, strange string, seed []byte, size uint16, where uint8) {
		if len(seed) > 0 {
			seed = bytes.Repeat(seed, int(size)/len(seed)+1)[:size]
		}
		frames := []pgdb.Frame{{Topic: strange, Body: seed}, {Topic: "", Body: nil}, {Topic: "room", Body: []byte(strange)}}
		payloads := pgdb.Payloads(frames)
		var a pgdb.Assembler
		for range 3 {
			_, _ = a.Add(pgdb.Notification{Payload: strange, PID: 1})
		}
		var got []pgdb.Frame
		for i, p := range payloads {
			if i == int(where)%len(payloads) && !begins(strange) {
				if extra, err := a.Add(pgdb.Notification{Payload: strange, PID: 1}); err == nil && len(extra) > 0 {
					t.Fatal("a stranger's frames")
				}
			}
			fs, err := a.Add(pgdb.Notification{Payload: p, PID: 1})
			if err != nil && i > 0 {
				t.Fatal(err)
			}
			got = append(got, fs...)
		}
		if !same(got, frames) {
			t.Fatalf("%d frames came back", len(got))
		}
	})
}

// begins reports whether it may be the first part of a packet: nobody else is to send such on the channel.
func begins(payload string) bool {
	return len(payload) > 10 && payload[8] == ' ' && strings.Contains(payload[9:], "1/")
}
