package pgtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

func count(t *testing.T, url string) (n int) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), "select count(*) from a").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRunAgain(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, "max_connections=20")
	url := s.Database(t)
	pgtest.Exec(t, url, "create table a as select 1 as x")
	s.Stop(t)
	s.Run(t)
	if n := count(t, url); n != 1 {
		t.Errorf("after Stop: %d rows", n)
	}
	s.Kill()
	s.Run(t)
	if n := count(t, url); n != 1 {
		t.Errorf("after Kill: %d rows", n)
	}
	s.Pause()
	s.Kill()
	s.Run(t)
	var most string
	if err := connect(t, url).QueryRow(t.Context(), "show max_connections").Scan(&most); err != nil || most != "20" {
		t.Errorf("max_connections %q, %v", most, err)
	}
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	if s != pgtest.Shared(t) {
		t.Error("two shared servers")
	}
	var name string
	t.Run("its own", func(t *testing.T) {
		one, two := s.Database(t), s.Database(t)
		pgtest.Exec(t, one, "create table a as select 1 as x")
		pgtest.Exec(t, two, "create table a as select 1 as x where false")
		if a, b := count(t, one), count(t, two); a != 1 || b != 0 {
			t.Errorf("%d and %d rows", a, b)
		}
		db := pgtest.Open(t, one, pgdb.Config{})
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
		name = one
	})
	_, err := pgx.Connect(t.Context(), name)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "3D000" {
		t.Errorf("after its test a database is there: %v", err)
	}
}

func TestPauseAndKillClients(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	c := connect(t, s.URL())
	s.Pause()
	answered := make(chan error, 1)
	go func() { answered <- c.Ping(t.Context()) }()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answers: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Resume()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	s.KillClients(t)
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a connection outlived KillClients")
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	p := pgtest.StartProxy(t, s.Addr())
	c := connect(t, p.URL(s.Database(t)))
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a connection outlived Cut")
	}
}

func TestFillDisk(t *testing.T) {
	t.Parallel()
	s := pgtest.TinyDisk(t)
	url := s.Database(t)
	pgtest.Exec(t, url, "create table a as select 1 as x")
	s.FillDisk(t)
	c := connect(t, url)
	_, err := c.Exec(t.Context(), "insert into a select n from generate_series(1, 10000) n")
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "53100" {
		t.Errorf("on a full disk: %v, want SQLSTATE 53100", err)
	}
	s.FreeDisk(t)
	if _, err := c.Exec(t.Context(), "insert into a select n from generate_series(1, 10000) n"); err != nil {
		t.Error(err)
	}
	if n := count(t, url); n != 10001 {
		t.Errorf("%d rows", n)
	}
}

// The test's own binary, started again by TestEndsWithTheTestsProcess.
func TestHelperThatIsKilled(t *testing.T) {
	if os.Getenv("PGTEST_HELPER") == "" {
		t.Parallel()
		return // an ordinary run
	}
	shared, own := pgtest.Shared(t), pgtest.Start(t)
	own.Pause()
	fmt.Printf("pids %d %d\n", shared.PID(), own.PID())
	select {}
}

func TestEndsWithTheTestsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil { //nolint:gosec // the server's user must get there
			t.Fatal(err)
		}
	}
	helper := exec.Command(os.Args[0], "-test.run", "^TestHelperThatIsKilled$")
	helper.Env = append(os.Environ(), "PGTEST_HELPER=1", "TMPDIR="+dir)
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	line, err := bufio.NewReader(out).ReadString('\n')
	if _, err2 := fmt.Sscanf(line, "pids %d %d", &pids[0], &pids[1]); err != nil || err2 != nil {
		t.Fatalf("it said %q, %v", line, err)
	}
	shared := memory(t, dir)
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	pgtest.Eventually(t, time.Minute, "servers and files are gone", func() error {
		for _, pid := range pids {
			state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if err == nil && !strings.Contains(string(state), ") Z ") {
				return fmt.Errorf("it runs: %s", state)
			}
		}
		if all, err := os.ReadFile("/proc/sysvipc/shm"); err != nil || slices.ContainsFunc(strings.Fields(string(all)), func(id string) bool { return slices.Contains(shared, id) }) {
			return fmt.Errorf("shared memory %v is there: %w", shared, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			return fmt.Errorf("left: %v, %w", left, errors.Join(err, syscall.ENOTEMPTY))
		}
		return nil
	})
}

// memory are the ids of the shared memory of the servers below a folder.
func memory(t *testing.T, dir string) (ids []string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "pgtest*", "server*", "data", "postmaster.pid"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, strings.Fields(strings.Split(string(text), "\n")[6])[1])
	}
	if len(ids) != 2 {
		t.Fatalf("%d servers have shared memory", len(ids))
	}
	return ids
}
