package pgdb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, "max_connections=30", "wal_level=logical", "max_replication_slots=4")
	url := s.Database(t)
	pgtest.Exec(t, url, "select pg_create_physical_replication_slot('forgotten', true)")
	db := pgtest.Open(t, url, pgdb.Config{Node: "n1"})
	f, err := db.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case f.Major < pgdb.MinVersion || !strings.HasPrefix(f.Version, "1") || f.Encoding != "UTF8":
		t.Errorf("version %d %q, encoding %q", f.Major, f.Version, f.Encoding)
	case f.User != "postgres" || !f.Superuser || !strings.HasPrefix(f.Database, "test_"):
		t.Errorf("user %q, superuser %t, database %q", f.User, f.Superuser, f.Database)
	case time.Since(f.Clock).Abs() > time.Minute:
		t.Errorf("clock %v", f.Clock)
	case !f.SchemaExists || !f.CreateInDatabase || !f.CreateInSchema || f.InRecovery || f.ReadOnly:
		t.Errorf("may: %+v", f)
	case f.SynchronousCommit != "on" || !f.Fsync:
		t.Errorf("synchronous_commit %s, fsync %t", f.SynchronousCommit, f.Fsync)
	case f.MaxConnections != 30 || f.ReservedConnections < 3 || f.Connections < 1 || f.Ours < 1 || f.Ours > f.Connections:
		t.Errorf("connections: %+v", f)
	case f.NotifyQueue < 0 || f.NotifyQueue > 0.1 || f.OldestTransaction < 0 || f.OldestTransaction > time.Minute || !f.OneSession:
		t.Errorf("load: %+v", f)
	case len(f.Slots) != 1 || f.Slots[0].Name != "forgotten" || f.Slots[0].Active:
		t.Errorf("slots %+v", f.Slots)
	}
	found := false
	for _, table := range f.Tables {
		found = found || table.Name == "migrations" && table.Bytes > 0
	}
	if !found {
		t.Errorf("tables %+v", f.Tables)
	}
	if r := (pgdb.Table{Live: 1, Dead: 3}).DeadRatio(); r != 0.75 {
		t.Errorf("dead ratio %v", r)
	}
}

// Whoever may do little still learns what everybody may know.
func TestFactsOfOthers(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	pgtest.Exec(t, url, "create role guest login password 'g'")
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: strings.Replace(url, "postgres:"+pgtest.Password, "guest:g", 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f, err := db.Facts(t.Context())
	if err != nil || f.CreateInDatabase || f.CreateInSchema || f.SchemaExists || f.Superuser || f.User != "guest" {
		t.Errorf("%+v, %v", f, err)
	}
}
