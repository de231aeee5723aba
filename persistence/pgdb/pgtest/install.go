package pgtest

import (
	"syscall"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgbin"
)

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := pgbin.Program(name)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return path
}

func serverUser(t testing.TB) *syscall.Credential {
	t.Helper()
	cred, err := pgbin.User()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return cred
}
