package pgtest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// fulldisk is put before the C library by the loader. It fails what would have a file grow as a full disk does, while
// there is a file that says so. This needs no privilege, unlike a small disk that is mounted.
//
//go:embed fulldisk.c.txt
var fulldisk string

var building sync.Mutex

// TinyDisk is Start with a disk that can be full: see FillDisk. It needs a C compiler, as the race detector does.
func TinyDisk(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir, cred := newFolder(t)
	library := preload(t)
	s := &Server{dir: dir, cred: cred, settings: settings, disk: true}
	s.env = []string{"LD_PRELOAD=" + library, "PGTEST_DISK_FULL=" + s.sign()}
	t.Cleanup(func() { s.end(t) })
	s.start(t)
	return s
}

// FillDisk fills the disk of a server of TinyDisk: from now on no file of it grows. What is in files may be written over, as on
// a disk that is full.
func (s *Server) FillDisk(t testing.TB) {
	t.Helper()
	if !s.disk {
		t.Fatal("pgtest: FillDisk is for servers of TinyDisk")
	}
	if err := os.WriteFile(s.sign(), nil, 0o644); err != nil {
		t.Fatalf("pgtest: fill disk: %v", err)
	}
}

// FreeDisk ends FillDisk.
func (s *Server) FreeDisk(t testing.TB) {
	t.Helper()
	if err := os.Remove(s.sign()); err != nil {
		t.Fatalf("pgtest: free disk: %v", err)
	}
}

func (s *Server) sign() string { return filepath.Join(s.dir, "disk-full") }

// preload builds fulldisk once and returns the file.
func preload(t testing.TB) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	library := filepath.Join(theHome.dir, "fulldisk.so")
	if _, err := os.Stat(library); err == nil {
		return library
	}
	compiler := ""
	for _, name := range []string{os.Getenv("CC"), "cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); err == nil && compiler == "" {
			compiler = path
		}
	}
	if compiler == "" {
		t.Fatal("this test needs a C compiler to fill a server's disk; install one with: apt-get install gcc libc6-dev (make test does that)")
	}
	source := filepath.Join(theHome.dir, "fulldisk.c")
	if err := os.WriteFile(source, []byte(fulldisk), 0o644); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("pgtest: fulldisk.c: %v\n%s", err, out)
	}
	return library
}
