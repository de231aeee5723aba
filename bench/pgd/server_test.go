//go:build linux

package pgd_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/pgd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestComesBackWithItsData(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pgd.Server){"stopped": (*pgd.Server).Stop, "killed": (*pgd.Server).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := pgd.Start(t.Context(), t.TempDir(), "max_connections=20")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			for _, sql := range []string{"create table kept (n int)", "insert into kept values (1)"} {
				if err := s.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			before := s.Address()
			if cpu, err := s.CPU(); err != nil || cpu <= 0 {
				t.Errorf("CPU %v, %v", cpu, err)
			}
			end(s)
			if err := s.Exec(t.Context(), "select 1"); err == nil {
				t.Error("a server that was ended answers")
			}
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Address() != before {
				t.Errorf("it was at %s and is at %s", before, s.Address())
			}
			if err := s.Exec(t.Context(), "select 1 / count(*) from kept"); err != nil {
				t.Errorf("the data are gone: %v", err)
			}
			if err := s.CutClients(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
