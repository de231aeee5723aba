//go:build linux

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/bench/child"
	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/suite"
	"github.com/troupe-rt/troupe/bench/wire"
)

//go:embed node.yaml
var nodeConfig []byte

//go:embed profile.go.txt
var profileSource []byte

const modulePath = "github.com/troupe-rt/troupe"

// A builder makes targets. Everything it writes is in dir.
type builder struct {
	root    string // of the module
	dir     string
	profile bool // give our server a profiler
}

// makers is how each target is built, by name, in the order of the columns.
var makers = []struct {
	name string
	make func(*builder, context.Context) (suite.Target, error)
}{
	{report.Ours, (*builder).node},
	{"centrifuge", (*builder).centrifuge},
	{"centrifuge-tuned", (*builder).centrifugeTuned},
	{report.Floor, (*builder).floor},
}

func targetNames() (names []string) {
	for _, m := range makers {
		names = append(names, m.name)
	}
	return names
}

func checkTargets(names []string) error {
	for _, name := range names {
		if !slices.Contains(targetNames(), name) {
			return fmt.Errorf("--targets: no target %q; there are %s", name, strings.Join(targetNames(), ", "))
		}
	}
	return nil
}

// build makes the named targets, in the order of makers.
func (b *builder) build(ctx context.Context, names []string) ([]suite.Target, error) {
	var targets []suite.Target
	for _, m := range makers {
		if !slices.Contains(names, m.name) {
			continue
		}
		t, err := m.make(b, ctx)
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", m.name, err)
		}
		t.Name = m.name
		targets = append(targets, t)
	}
	return targets, nil
}

// moduleRoot is where Troupe's source is.
func moduleRoot(ctx context.Context) (string, error) {
	out, _, err := proc.Run(ctx, proc.Command{Path: "go", Args: []string{"list", "-m", "-f", "{{.Dir}}", modulePath}})
	if err != nil {
		return "", fmt.Errorf("find the source of %s (run this inside the repository): %w", modulePath, err)
	}
	return string(bytes.TrimSpace(out)), nil
}

func (b *builder) compile(ctx context.Context, dir, pkg, name string, flags ...string) (string, error) {
	binary := filepath.Join(b.dir, name)
	args := append([]string{"build", "-o", binary}, flags...)
	_, _, err := proc.Run(ctx, proc.Command{Path: "go", Args: append(args, pkg), Dir: dir})
	return binary, err
}

// node is the real server of cmd/node.
func (b *builder) node(ctx context.Context) (suite.Target, error) {
	config := filepath.Join(b.dir, "node.yaml")
	if err := os.WriteFile(config, nodeConfig, 0o600); err != nil {
		return suite.Target{}, err
	}
	var flags []string
	t := suite.Target{Protocol: wire.Troupe{}, Health: "/readyz", Metrics: "/metrics"}
	if b.profile {
		overlay, err := b.overlay()
		if err != nil {
			return suite.Target{}, err
		}
		flags = []string{"-overlay", overlay}
		t.Profiled = "TROUPE_BENCH_PROFILE"
	}
	binary, err := b.compile(ctx, b.root, "./cmd/node", "node", flags...)
	run := func(listen string, more ...string) (proc.Command, error) {
		return proc.Command{Path: binary, Args: append([]string{
			"--config", config, "--listen", listen, "--log-level", "warn",
			"--gateway-frames-per-second=-1", "--gateway-connections=-1",
		}, more...)}, nil
	}
	t.Command = func(listen string) (proc.Command, error) { return run(listen) }
	t.Node = func(listen, redis string) (proc.Command, error) { return run(listen, "--redis", "redis://"+redis) }
	t.OverPostgres = func(listen, url string) (proc.Command, error) { return run(listen, "--postgres", url) }
	t.Program = child.InProcess
	return t, err
}

// overlay adds the profiler to cmd/node for one build, so that the node itself
// needs no debug switch.
func (b *builder) overlay() (string, error) {
	source := filepath.Join(b.dir, "profile.go")
	if err := os.WriteFile(source, profileSource, 0o600); err != nil {
		return "", err
	}
	replace := map[string]string{filepath.Join(b.root, "cmd", "node", "bench_profile.go"): source}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(b.dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

func (b *builder) centrifuge(ctx context.Context) (suite.Target, error) { return b.peer(ctx) }

func (b *builder) centrifugeTuned(ctx context.Context) (suite.Target, error) {
	return b.peer(ctx, "--tuned")
}

func (b *builder) peer(ctx context.Context, flags ...string) (suite.Target, error) {
	binary, err := b.compile(ctx, filepath.Join(b.root, "bench", "peers"), "./centrifuge", "centrifuge")
	run := func(args ...string) (proc.Command, error) {
		return proc.Command{Path: binary, Args: append(args, flags...)}, nil
	}
	t := suite.Target{
		Protocol: wire.Centrifuge{}, Health: "/healthz", Metrics: "/metrics",
		Command: func(listen string) (proc.Command, error) { return run("--listen", listen) },
		Node: func(listen, redis string) (proc.Command, error) {
			return run("--listen", listen, "--redis", redis)
		},
	}
	if len(flags) == 0 { // what the flags tune is connections, which programs have not
		t.Program = func(task inproc.Task) (proc.Command, error) {
			text, err := json.Marshal(task)
			return proc.Command{Path: binary, Args: []string{"--task", string(text)}}, err
		}
	}
	return t, err
}

func (b *builder) floor(context.Context) (suite.Target, error) {
	return suite.Target{Protocol: wire.Floor{}, Health: "/healthz", Command: child.Floor}, nil
}
