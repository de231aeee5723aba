//go:build linux

package inproc_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/pgd"
	"github.com/troupe-rt/troupe/bench/redisd"
	"github.com/troupe-rt/troupe/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProgramsCountWhatTheyDid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		task inproc.Task
		want []string
	}{
		"topics":       {inproc.Task{Program: "topics", Count: 300}, []string{report.SpawnsPerS, report.HeapPeak, report.HeapAfter, report.RetireSec}},
		"publish":      {inproc.Task{Program: "publish", Count: 1000, Payload: 200}, []string{report.AckedOne, report.AckedMany, report.PostedPerS}},
		"publish kept": {inproc.Task{Program: "publish", Count: 1000, Payload: 1, History: true}, []string{report.AckedOne, report.AckedMany, report.PostedPerS}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := inproc.Run(t.Context(), c.task)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range c.want {
				if got[key] <= 0 {
					t.Errorf("%s is %v", key, got[key])
				}
			}
		})
	}
}

func TestProgramsOverRedis(t *testing.T) {
	t.Parallel()
	for name, task := range map[string]inproc.Task{
		"append":     {Program: "append", Window: 8},
		"relay":      {Program: "relay", Window: 64},
		"relay kept": {Program: "relay", Window: 64, History: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, err := redisd.Start(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer redis.Stop()
			task.Payload, task.Millis, task.Redis = 200, 200, redis.Address()
			got, err := inproc.Run(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(got)
			for _, key := range []string{report.Events, report.EventsPerS, report.CPUPerEvent, report.P50, report.P99} {
				if got[key] <= 0 {
					t.Errorf("%s is %v", key, got[key])
				}
			}
		})
	}
}

func TestProgramsOverPostgres(t *testing.T) {
	t.Parallel()
	postgres, err := pgd.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Stop()
	for _, task := range []inproc.Task{ // one after another: they use the same rooms
		{Program: "append", Window: 8, Topics: 3},
		{Program: "relay", Window: 64},
		{Program: "relay", Window: 64, History: true},
		{Program: "notify", Window: 8},
	} {
		task.Payload, task.Millis, task.Postgres = 200, 200, postgres.URL()
		if err := postgres.Empty(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := inproc.Run(t.Context(), task)
		if err != nil {
			t.Fatalf("%s: %v", task.Program, err)
		}
		t.Log(task.Program, got)
		for _, key := range []string{report.Events, report.EventsPerS, report.CPUPerEvent, report.P50, report.P99} {
			if got[key] <= 0 {
				t.Errorf("%s: %s is %v", task.Program, key, got[key])
			}
		}
	}
}

func TestProgramsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, program := range []string{"topics", "publish"} {
		_, err := inproc.Run(ctx, inproc.Task{Program: program, Count: 1 << 30, Payload: 200})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", program, err)
		}
	}
	if _, err := inproc.Run(t.Context(), inproc.Task{Program: "other"}); err == nil {
		t.Error("a program that does not exist ran")
	}
}
