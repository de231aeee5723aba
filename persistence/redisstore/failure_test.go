package redisstore

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// REP-11: a Redis without data has another epoch.
func TestEmptiedRedisHasAnotherEpoch(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	epochs := map[string]bool{}
	for range 3 {
		read := get(t, s, "t").Head.Epoch
		a := put(t, s, "t", events(5)...)
		if a.Epoch != read || epochs[a.Epoch] || a.Results[4].Seq != 5 {
			t.Errorf("read %q, then appended %+v; before %v", read, a, epochs)
		}
		epochs[a.Epoch] = true
		if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	server.Restart(t, false)
	redistest.Eventually(t, 10*time.Second, "the connection is back", func() error {
		p, err := s.Read(t.Context(), "t", 5, 10, plenty)
		if err == nil && (epochs[p.Head.Epoch] || p.Head.Seq != 0) {
			t.Fatalf("after a restart without data the topic stands at %v", p.Head)
		}
		return err
	})
}

// A Redis that comes back with old data gives numbers a second time, in the same epoch. Who
// notices has the epoch renewed.
func TestStaleDataIsRenewed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	epoch := put(t, s, "t", events(3)...).Epoch
	if err := server.Client(t).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(server.Dir(), "test.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "t", events(10)...)
	server.Kill()
	if err := os.WriteFile(filepath.Join(server.Dir(), "test.rdb"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Run(t)
	var p topic.Page
	redistest.Eventually(t, 10*time.Second, "the connection is back", func() (err error) {
		p, err = s.Read(t.Context(), "t", 0, 100, plenty)
		return err
	})
	wantNumbers(t, p, 3, 1, 1, 2, 3)
	if p.Head.Epoch != epoch {
		t.Fatalf("epoch %q, want the old one, %q", p.Head.Epoch, epoch)
	}
	if err := s.Renew(t.Context(), "t", epoch); err != nil {
		t.Fatal(err)
	}
	renewed := put(t, s, "t", event("x"))
	if renewed.Epoch == epoch || renewed.Results[0].Seq != 4 {
		t.Errorf("after Renew: %+v", renewed)
	}
	// Whoever comes second with the same finding changes nothing.
	if err := s.Renew(t.Context(), "t", epoch); err != nil {
		t.Fatal(err)
	}
	if p := get(t, s, "t"); p.Head.Epoch != renewed.Epoch || len(p.Records) != 4 {
		t.Errorf("stands at %v with %d records", p.Head, len(p.Records))
	}
}

func TestScriptFlush(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	for i := range 3 {
		a := put(t, s, "t", event("x"))
		if a.Results[0].Seq != uint64(i+1) {
			t.Errorf("number %d, want %d", a.Results[0].Seq, i+1)
		}
		if err := server.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		wantNumbers(t, getAfter(t, s, "t", uint64(i), plenty), uint64(i+1), 1, uint64(i+1))
	}
}

// REP-15: while the breaker is open nothing waits.
func TestBreakerOpen(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(t.Context()) }()
	b, err := breaker.New(system, breaker.Options{Backend: "redis", FailureThreshold: 1, Answered: redisconn.Answered})
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t)
	s := openConfig(t, redisconn.Config{URL: server.URL(), Breaker: b, Timeout: 500 * time.Millisecond})
	put(t, s, "t", event("x"))
	server.Kill()
	if _, err := s.Append(t.Context(), "t", events(1), plenty); err == nil || errors.Is(err, breaker.ErrOpen) {
		t.Fatalf("Append to a dead server: %v", err)
	}
	redistest.Eventually(t, 5*time.Second, "the breaker opens", func() error {
		if b.State() == breaker.Healthy {
			return errors.New("it is healthy")
		}
		return nil
	})
	calls := map[string]func() error{
		"append": func() error { _, err := s.Append(t.Context(), "t", events(1), plenty); return err },
		"empty":  func() error { _, err := s.Append(t.Context(), "t", nil, plenty); return err },
		"read":   func() error { _, err := s.Read(t.Context(), "t", 0, 1, plenty); return err },
		"clear":  func() error { return s.Clear(t.Context(), "t") },
		"renew":  func() error { return s.Renew(t.Context(), "t", "x") },
	}
	for name, call := range calls {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if err := call(); !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("%s: %v, want breaker.ErrOpen", name, err)
			}
			best = min(best, time.Since(began))
		}
		if best > 5*time.Millisecond {
			t.Errorf("%s took %v to be refused", name, best)
		}
	}
}

// An answer with which Redis refuses one topic leaves the breaker closed.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	client := server.Client(t)
	keys := map[string]string{"head": s.names.Head("head"), "log": s.names.Log("log"), "ids": s.names.IDs("ids", 0)}
	for name, key := range keys {
		put(t, s, name, event("x"))
		if err := client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(t.Context(), key, "somebody's", 0).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Append(t.Context(), name, []topic.Entry{{ID: "1", Name: "e", Data: []byte("1")}}, plenty)
		if !errors.Is(err, ErrForeign) {
			t.Errorf("Append where %s is a string: %v", name, err)
		}
		_, err = s.Read(t.Context(), name, 0, 1, plenty)
		if name != "ids" && !errors.Is(err, ErrForeign) {
			t.Errorf("Read where %s is a string: %v", name, err)
		}
	}
	if p := get(t, s, "ids"); p.Head.Seq != 1 || len(p.Records) != 1 {
		t.Errorf("a failed Append left the head at %v, %d records", p.Head, len(p.Records))
	}
	for name := range keys {
		if err := s.Clear(t.Context(), name); err != nil {
			t.Errorf("Clear: %v", err)
		}
		wantNumbers(t, getAfterPut(t, s, name), 1, 1, 1)
	}
}

func getAfterPut(t *testing.T, s *Store, name string) topic.Page {
	t.Helper()
	put(t, s, name, event("x"))
	return get(t, s, name)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	renumber(t, s, "t", maxSeq-1)
	put(t, s, "t", event("the last one"))
	if _, err := s.Append(t.Context(), "t", events(1), plenty); !errors.Is(err, ErrExhausted) {
		t.Errorf("beyond 2^53-1: %v", err)
	}
	wantNumbers(t, getAfter(t, s, "t", maxSeq-1, plenty), maxSeq, maxSeq, maxSeq)
	if _, err := s.Append(t.Context(), "u", events(maxBatch+1), plenty); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d entries: %v", maxBatch+1, err)
	}
	large := []byte(`"` + string(make([]byte, maxBatchBytes)) + `"`)
	if _, err := s.Append(t.Context(), "u", []topic.Entry{{Name: "e", Data: large}}, plenty); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d bytes: %v", len(large), err)
	}
	put(t, s, "u", events(maxBatch)...)
	if p := get(t, s, "u"); len(p.Records) != maxBatch {
		t.Errorf("%d records", len(p.Records))
	}

	ids := events(maxBatch)
	for i := range ids {
		ids[i].ID = strconv.Itoa(i)
	}
	for round := range 2 {
		a := put(t, s, "ids", ids...)
		for i, r := range a.Results {
			if r.Seq != uint64(i+1) || r.Duplicate != (round == 1) {
				t.Fatalf("round %d: result %d is %+v", round, i, r)
			}
		}
	}
}
