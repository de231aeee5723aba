package pgtest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Password is that of the superuser postgres. It is part of URLs, and must not be seen anywhere else.
const Password = "pgtest-s3cret"

// A home is the folder of all servers of the test's process. The janitor removes it when the process has ended.
type home struct {
	dir  string
	cred *syscall.Credential

	once    sync.Once
	fault   string    // why there is no home
	janitor io.Closer // its standard input, which ends with the process
}

var theHome home

// janitor waits for the servers to end, which takes them a moment.
const janitor = `read -r _; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do rm -rf "$1" && exit; sleep 1; done`

// newFolder makes a folder with the data of a fresh server, and returns it. initdb runs once.
func newFolder(t testing.TB) (dir string, cred *syscall.Credential) {
	t.Helper()
	cred = serverUser(t)
	initdb := program(t, "initdb")
	h := &theHome
	h.once.Do(func() { h.fault = h.open(initdb, cred) })
	if h.fault != "" {
		t.Fatal(h.fault)
	}
	dir, err := os.MkdirTemp(h.dir, "server")
	if err == nil {
		err = own(dir, cred)
	}
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if out, err := h.command("cp", "-a", filepath.Join(h.dir, "template"), filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("pgtest: copy: %v\n%s", err, out)
	}
	return dir, cred
}

func (h *home) open(initdb string, cred *syscall.Credential) (fault string) {
	h.cred = cred
	dir, err := os.MkdirTemp(reachable(os.TempDir()), "pgtest")
	if err != nil {
		return "pgtest: " + err.Error()
	}
	h.dir = dir
	if err := own(dir, cred); err != nil {
		return "pgtest: " + err.Error()
	}
	sweeper := exec.Command("sh", "-c", janitor, "janitor", dir)
	sweeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if h.janitor, err = sweeper.StdinPipe(); err == nil {
		err = sweeper.Start()
	}
	if err != nil {
		return "pgtest: " + err.Error()
	}
	word := filepath.Join(dir, "password")
	if err := os.WriteFile(word, []byte(Password), 0o644); err != nil {
		return "pgtest: " + err.Error()
	}
	init := h.command(initdb, "--pgdata", filepath.Join(dir, "template"), "--username", "postgres", "--pwfile", word,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		return "pgtest: initdb: " + err.Error() + "\n" + string(out)
	}
	return ""
}

// command is one that runs as the server's user.
func (h *home) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = h.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: h.cred}
	return c
}

func own(path string, cred *syscall.Credential) error {
	if cred == nil {
		return nil
	}
	return os.Chown(path, int(cred.Uid), int(cred.Gid))
}

// reachable is the folder, or /tmp if other users than root can not get there.
func reachable(dir string) string {
	if os.Geteuid() != 0 {
		return dir
	}
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return "/tmp"
		}
		if d == filepath.Dir(d) || !strings.HasPrefix(d, "/") {
			return dir
		}
	}
}
