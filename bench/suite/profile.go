//go:build linux

package suite

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func (x *session) profiling() bool { return x.options.Profile != "" && x.target.Profiled != "" }

// startProfile fetches a CPU profile of our server during the measured time, if
// one is wanted, and returns a function that waits until it is written. A
// profile costs the server a few per cent, so figures of such a run are not for
// comparing.
func (x *session) startProfile(ctx context.Context) (stop func()) {
	if !x.profiling() {
		return func() {}
	}
	file := filepath.Join(x.options.Profile, x.scenario.Name+".pprof")
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", x.profiler, max(1, int(x.options.Duration.Seconds())))
	done := make(chan struct{})
	go func() { // ends with the request, which stop waits for
		defer close(done)
		if err := fetch(ctx, url, file, x.options.Duration+x.options.Within); err != nil {
			slog.Error("profile not written", "err", err)
		}
	}()
	return func() { <-done }
}

func fetch(ctx context.Context, url, file string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: %s", resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(f, resp.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
