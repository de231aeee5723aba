//go:build linux

package redisd_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/redisd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, settings ...string) *redisd.Server {
	t.Helper()
	s, err := redisd.Start(t.Context(), t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func do(t *testing.T, s *redisd.Server, want string, words ...string) {
	t.Helper()
	if got, err := s.Do(t.Context(), words...); err != nil || got != want {
		t.Fatalf("%q: got %q, %v, want %q", words, got, err, want)
	}
}

func TestComesBackWithItsData(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*redisd.Server){"stopped": (*redisd.Server).Stop, "killed": (*redisd.Server).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "--appendonly", "yes", "--appendfsync", "always")
			address := s.Address()
			do(t, s, "OK", "SET", "a", "1 2\r\n3")
			end(s)
			if _, err := s.Do(t.Context(), "PING"); err == nil {
				t.Error("it still answers")
			}
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Address() != address {
				t.Errorf("it came back at %s, it was at %s", s.Address(), address)
			}
			do(t, s, "1 2\r\n3", "GET", "a")
		})
	}
}

func TestKeepsNothingByDefault(t *testing.T) {
	t.Parallel()
	s := start(t)
	do(t, s, "OK", "SET", "a", "1")
	do(t, s, "1", "DBSIZE")
	if err := s.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, s, "0", "DBSIZE")
	do(t, s, "OK", "SET", "a", "1")
	s.Stop()
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, s, "0", "DBSIZE")
}

func TestCutClients(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64)
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "+PONG\r\n" {
		t.Fatalf("got %q, %v", answer[:n], err)
	}
	if err := s.CutClients(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(answer); err == nil {
		t.Errorf("the connection lives and says %q", answer[:n])
	}
}

func TestCPUGrows(t *testing.T) {
	t.Parallel()
	s := start(t)
	before, err := s.CPU(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, "", "EVAL", "local x = 0 for i = 1, 3000000 do x = x + i end return ''", "0")
	after, err := s.CPU(t.Context())
	if err != nil || after-before < time.Millisecond {
		t.Errorf("a long script took %s, %v", after-before, err)
	}
}

func TestErrorsAreSaid(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, err := s.Do(t.Context(), "NONSENSE"); err == nil {
		t.Error("Redis knows NONSENSE")
	}
	if _, err := redisd.Start(t.Context(), t.TempDir(), "--nonsense", "1"); err == nil {
		t.Error("it started with a setting that there is not")
	}
}

func TestMissingBinarySaysHow(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := redisd.Start(t.Context(), t.TempDir()); !errors.Is(err, redisd.ErrMissing) {
		t.Errorf("got %v", err)
	}
}
