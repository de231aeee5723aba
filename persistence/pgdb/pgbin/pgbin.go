package pgbin

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// ErrMissing says that there is no PostgreSQL here.
var ErrMissing = errors.New("PostgreSQL 14 or newer is needed; install it with: apt-get install postgresql (make test does that)")

// folder is that of the server's programs: the one in PATH, or else the newest that Debian's packages installed.
var folder = sync.OnceValue(func() string {
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(majorOf(a), majorOf(b)) }))
})

// majorOf is 15 of /usr/lib/postgresql/15/bin/postgres.
func majorOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// Program is the path of one of PostgreSQL's programs, such as initdb. It fails with ErrMissing.
func Program(name string) (string, error) {
	if folder() == "" {
		return "", ErrMissing
	}
	return filepath.Join(folder(), name), nil
}

// User is whom servers run as: nil for the user of this process, and postgres where that is root.
func User() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres (%w): %w", err, ErrMissing)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
