package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSummary shows what make test prints at its end, and when it fails.
func TestSummary(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "summary")
	if out, err := exec.Command("go", "build", "-o", name, "../../.ci/summary.go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const (
		passed  = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
		skipped = `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}` + "\n" +
			`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: needs chromium: apt-get install chromium\n"}` + "\n" +
			`{"Action":"skip","Package":"p","Test":"TestB"}` + "\n"
		failed = `{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: it broke\n"}` + "\n" +
			`{"Action":"fail","Package":"p","Test":"TestC"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
		good     = `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
		noBuild  = `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
		chatter  = `{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}` + "\n"
		noTests  = `{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}` + "\n" + `{"Action":"skip","Package":"q"}` + "\n"
		notJSON  = "go: warning\n"
		nothing  = "skipped: nothing"
		okLine   = "ok  \tp\t0.1s"
		oneIsWon = "1 passed, 0 failed, 0 skipped"
	)
	for name2, c := range map[string]struct {
		in         string
		fine       bool
		want, lack []string
	}{
		"all pass":       {chatter + passed + good + noTests, true, []string{okLine, nothing, oneIsWon}, []string{"chatter"}},
		"one skipped":    {passed + skipped + good, true, []string{"p TestB: b_test.go:1: needs chromium: apt-get install chromium", "1 passed, 0 failed, 1 skipped"}, []string{nothing, "=== RUN"}},
		"one fails":      {passed + failed, false, []string{"it broke", "1 passed, 1 failed, 0 skipped"}, nil},
		"no build":       {passed + good + noBuild, false, []string{"undefined: x"}, nil},
		"slow":           {`{"Action":"pass","Package":"p","Test":"TestA","Elapsed":45.2}` + "\n" + good, true, []string{"slow: p TestA took 45 s"}, nil},
		"nothing ran":    {good, false, nil, nil},
		"no input":       {"", false, nil, nil},
		"not from tests": {notJSON + passed + good, true, []string{"go: warning"}, nil},
	} {
		cmd := exec.Command(name)
		cmd.Stdin = strings.NewReader(c.in)
		out, err := cmd.CombinedOutput()
		if c.fine != (err == nil) {
			t.Errorf("%s: %v\n%s", name2, err, out)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in\n%s", name2, want, out)
			}
		}
		for _, lack := range c.lack {
			if strings.Contains(string(out), lack) {
				t.Errorf("%s: %q in\n%s", name2, lack, out)
			}
		}
	}
}

// TestDeps runs .ci/deps on machines that lack something: with a PATH that has
// what the case names and nothing else.
func TestDeps(t *testing.T) {
	t.Parallel()
	const (
		root, user = "echo 0", "echo 1000"
		redis      = `echo "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"`
		got        = `echo "got $*" >&2`
		brings     = got + `; printf '#!/bin/sh\necho Redis server v=7.4.1 x\n' >"$BIN/redis-server"; chmod +x "$BIN/redis-server"`
		postgres   = `echo "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"`
		bringsPG   = got + `; mkdir -p "$BIN/pg/15/bin" "$BIN/pg/9/bin"; for v in 9 15; do printf '#!/bin/sh\necho "postgres (PostgreSQL) %s.1"\n' $v >"$BIN/pg/$v/bin/postgres"; chmod +x "$BIN/pg/$v/bin/postgres"; done`
	)
	for name, c := range map[string]struct {
		tools map[string]string // name to what it does
		fine  bool
		want  string
	}{
		"nothing missing": {map[string]string{"gcc": "", "chromium": "", "redis-server": redis, "postgres": postgres, "id": user}, true, ""},
		"as root":         {map[string]string{"gcc": "", "redis-server": redis, "postgres": postgres, "id": root, "apt-get": got}, true, "got install -y --no-install-recommends chromium\n"},
		"no compiler":     {map[string]string{"chromium": "", "redis-server": redis, "postgres": postgres, "id": root, "apt-get": got}, true, "recommends gcc libc6-dev\n"},
		"no redis":        {map[string]string{"gcc": "", "chromium": "", "postgres": postgres, "id": root, "apt-get": brings, "systemctl": ""}, true, "recommends redis-server\n"},
		"old redis":       {map[string]string{"gcc": "", "chromium": "", "redis-server": "echo Redis server v=6.2.7. sha=0", "postgres": postgres, "id": root}, false, "need Redis 7.0 or newer"},
		"odd redis":       {map[string]string{"gcc": "", "chromium": "", "redis-server": "echo hello", "postgres": postgres, "id": root}, false, "need Redis 7.0 or newer"},
		"no postgres":     {map[string]string{"gcc": "", "chromium": "", "redis-server": redis, "id": root, "apt-get": bringsPG, "systemctl": ""}, true, "recommends postgresql\n"},
		"old postgres":    {map[string]string{"gcc": "", "chromium": "", "redis-server": redis, "postgres": "echo 'postgres (PostgreSQL) 13.4'", "id": root}, false, "need PostgreSQL 14 or newer"},
		"odd postgres":    {map[string]string{"gcc": "", "chromium": "", "redis-server": redis, "postgres": "exit 1", "id": root}, false, "need PostgreSQL 14 or newer"},
		"with sudo":       {map[string]string{"gcc": "", "redis-server": redis, "postgres": postgres, "id": user, "sudo": `shift; exec "$@"`, "true": "", "apt-get": got}, true, "got install"},
		"as a user":       {map[string]string{"gcc": "", "postgres": postgres, "id": user, "apt-get": ""}, false, "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends chromium redis-server'"},
		"no apt-get":      {map[string]string{"gcc": "", "postgres": postgres, "id": root}, false, "install chromium redis-server with this system's package manager"},
		"install fails":   {map[string]string{"gcc": "", "postgres": postgres, "id": root, "apt-get": "exit 100"}, false, "installing it failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			for _, tool := range []string{"bash", "sh", "env", "sed", "rm", "chmod", "mkdir"} {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Skipf("needs %s", tool)
				}
				if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
					t.Fatal(err)
				}
			}
			for tool, does := range c.tools {
				if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\n"+does+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("bash", "../../.ci/deps")
			cmd.Env = []string{"PATH=" + bin, "BIN=" + bin, "POLICY_RC_D=" + filepath.Join(bin, "policy-rc.d"), "POSTGRES_DIR=" + filepath.Join(bin, "pg")}
			out, err := cmd.CombinedOutput()
			if _, left := os.Stat(filepath.Join(bin, "policy-rc.d")); left == nil {
				t.Error("what keeps services from starting was left behind")
			}
			if c.fine != (err == nil) || !strings.Contains(string(out), c.want) || c.want == "" && len(out) > 0 {
				t.Errorf("%v, want %q in\n%s", err, c.want, out)
			}
		})
	}
}

// TestMakefile shows that every target is explained by make help.
func TestMakefile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("make", "-s", "-C", "../..", "help").CombinedOutput()
	if err != nil {
		t.Skipf("needs make: %v", err)
	}
	for _, target := range []string{"run", "test", "lint", "bench", "fuzz", "help"} {
		if !strings.Contains(string(text), "\n"+target+":") || !strings.Contains(string(out), "make "+target+" ") {
			t.Errorf("make help does not explain %s:\n%s", target, out)
		}
	}
}
