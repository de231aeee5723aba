//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-rt/troupe/bench/chaos/check"
	"github.com/troupe-rt/troupe/bench/proc"
)

const modulePath = "github.com/troupe-rt/troupe"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, and children with it
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code: 0, 1 if something was missed or
// did not come back, 2 if the command line was wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	passed, err := perform(ctx, s, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
	}
	if err != nil || !passed {
		return 1
	}
	return 0
}

// perform builds the node, plays the scene and checks the records.
func perform(ctx context.Context, s settings, stdout, stderr io.Writer) (passed bool, err error) {
	dir, err := os.MkdirTemp("", "troupe-chaos-")
	if err != nil {
		return false, fmt.Errorf("chaos: %w", err)
	}
	defer os.RemoveAll(dir)
	folder, err := recordFolder(s)
	if err != nil {
		return false, err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return false, err
	}
	p := &progress{out: stderr, terminal: isTerminal(stderr), began: time.Now()}
	x, err := open(ctx, s, binary, dir, folder, p.log)
	if err != nil {
		return false, err
	}
	p.log("%d nodes, %d subscribers, %d publishers, %d topics", s.nodes, s.nodes*s.subscribers, s.publishers, s.topics)
	played := x.play(ctx, func() { p.tell(x) })
	x.close()
	if played != nil {
		for i, n := range x.nodes {
			played = errors.Join(played, fmt.Errorf("node %d printed last: %s", i, n.process.Output()))
		}
	}
	v, err := verdict(s, folder)
	if err != nil {
		return false, errors.Join(played, err)
	}
	fmt.Fprintf(stdout, "%s%s", x.account(time.Since(p.began)), v)
	passed = v.Passed() && played == nil
	if passed && s.out == "" {
		return true, os.RemoveAll(folder)
	}
	fmt.Fprintln(stderr, "the records are in", folder)
	return passed, played
}

func recordFolder(s settings) (folder string, err error) {
	if folder = s.out; folder == "" {
		folder, err = os.MkdirTemp("", "troupe-records-")
	} else {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("chaos: %w", err)
	}
	return folder, nil
}

func build(ctx context.Context, dir string) (string, error) {
	out, _, err := proc.Run(ctx, proc.Command{Path: "go", Args: []string{"list", "-m", "-f", "{{.Dir}}", modulePath}})
	if err != nil {
		return "", fmt.Errorf("find the source of %s (run this inside the repository): %w", modulePath, err)
	}
	binary := filepath.Join(dir, "node")
	_, _, err = proc.Run(ctx, proc.Command{Path: "go", Args: []string{"build", "-o", binary, "./cmd/node"}, Dir: string(bytes.TrimSpace(out))})
	return binary, err
}

// verdict reads all records of a folder.
func verdict(s settings, folder string) (check.Verdict, error) {
	c := check.New(check.Options{Kept: uint64(s.kept()), Lossless: s.lossless()})
	files, err := os.ReadDir(folder)
	if err != nil {
		return check.Verdict{}, fmt.Errorf("chaos: %w", err)
	}
	for _, f := range files {
		kind, _, _ := strings.Cut(f.Name(), "-")
		read := map[string]func(string, io.Reader) error{"subscriber": c.Subscriber, "publisher": c.Publisher, "log": c.History}[kind]
		if read == nil {
			continue
		}
		file, err := os.Open(filepath.Join(folder, f.Name()))
		if err != nil {
			return check.Verdict{}, fmt.Errorf("chaos: %w", err)
		}
		err = read(f.Name(), file)
		file.Close()
		if err != nil {
			return check.Verdict{}, err
		}
	}
	return c.Verdict(), nil
}

// account is what happened to the clients.
func (x *scene) account(took time.Duration) string {
	var repeats int64
	for _, p := range x.publishers {
		repeats += p.repeats.Load()
	}
	cut := make(map[string]int)
	for _, u := range x.subscribers {
		for why, n := range u.cutOff {
			cut[why] += n
		}
	}
	var lost []string
	for why, n := range cut {
		lost = append(lost, fmt.Sprintf("%s %d times", why, n))
	}
	slices.Sort(lost)
	return fmt.Sprintf("took          %s; publishers repeated %d messages; subscribers: %s\n",
		took.Round(100*time.Millisecond), repeats, strings.Join(lost, ", "))
}
