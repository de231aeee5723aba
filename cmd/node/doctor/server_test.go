package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func examine(t *testing.T, url string) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Examine(ctx, Options{URL: url, Shown: "redis://shown", Prefix: "troupe:"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Report) verdicts() map[string]Verdict {
	by := map[string]Verdict{}
	for _, f := range r.Findings {
		by[f.Check] = f.Verdict
	}
	return by
}

// TestBadServer examines a real server whose settings are wrong.
func TestBadServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--tcp-keepalive", "0",
		"--timeout", "30", "--client-output-buffer-limit", "pubsub 64kb 0 0")
	r := examine(t, s.URL())
	got := r.verdicts()
	for check, want := range map[string]Verdict{
		"version": OK, "memory": OK, "eviction": Fail, "output buffers": Warn, "persistence": Warn, "replicas": Warn,
		"idle timeout": Warn, "keepalive": Warn, "rights": OK, "relay": OK, "latency": OK, "clock": OK,
	} {
		if check == "latency" && got[check] == Warn {
			continue // a busy machine
		}
		if got[check] != want {
			t.Errorf("%s is %s, want %s", check, got[check], want)
		}
	}
	if r.Verdict != Fail {
		t.Errorf("all in all %s", r.Verdict)
	}
}

func TestGoodServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "noeviction", "--appendonly", "yes")
	if r := examine(t, s.URL()); r.count(Fail) > 0 || r.verdicts()["persistence"] != OK || r.verdicts()["eviction"] != OK {
		t.Errorf("%+v", r.Findings)
	}
}

func TestLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	examine(t, s.URL())
	if keys, err := s.Client(t).Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("keys %v, %v", keys, err)
	}
}

// user makes a user of the server and returns the URL for it.
func user(t *testing.T, s *redistest.Server, rules ...string) string {
	t.Helper()
	if err := s.Client(t).Do(t.Context(), anys("acl", "setuser", "ann", "on", ">hunter2", rules)...).Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.URL(), "redis://", "redis://ann:hunter2@", 1)
}

func anys(first, second, third, fourth, fifth string, rest []string) []any {
	all := []any{first, second, third, fourth, fifth}
	for _, r := range rest {
		all = append(all, r)
	}
	return all
}

func TestForbiddenConfig(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r := examine(t, user(t, s, "~troupe:*", "&troupe:*", "+@all", "-config"))
	got := r.verdicts()
	if got["output buffers"] != Unknown || got["keepalive"] != Unknown || got["eviction"] != OK || got["rights"] != OK || r.count(Fail) > 0 {
		t.Errorf("%v: %+v", got, r.Findings)
	}
}

func TestMissingRights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules []string
		check string
		says  string
	}{
		"command": {[]string{"~troupe:*", "&troupe:*", "+@all", "-xadd"}, "rights", "XADD ("},
		"keys":    {[]string{"~other:*", "&troupe:*", "+@all"}, "rights", "HSET, HMGET"},
		"channel": {[]string{"~troupe:*", "&other:*", "+@all"}, "relay", "NOPERM"},
		"scripts": {[]string{"~troupe:*", "&troupe:*", "+@all", "-@scripting"}, "rights", "EVAL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			r := examine(t, user(t, s, c.rules...))
			for _, f := range r.Findings {
				if f.Check == c.check && f.Verdict == Fail && strings.Contains(f.What, c.says) {
					return
				}
			}
			t.Errorf("no failed %s with %q in %+v", c.check, c.says, r.Findings)
		})
	}
}

// TestNeededIsWhatScriptsUse keeps the list of commands in step with the scripts.
func TestNeededIsWhatScriptsUse(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, args := range (&examination{}).needed(0) {
		tried[strings.ToUpper(args[0].(string))] = true
	}
	scripts, err := filepath.Glob("../../../*/*/lua/*.lua")
	if err != nil || len(scripts) < 5 {
		t.Fatalf("scripts %v, %v", scripts, err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`call\('([A-Z]+)'`).FindAllStringSubmatch(string(text), -1) {
			if !tried[call[1]] {
				t.Errorf("%s calls %s, which the doctor does not try", name, call[1])
			}
		}
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	r := examine(t, c.URL())
	servers := map[string]bool{}
	for _, f := range r.Findings {
		servers[f.Server] = true
	}
	if r.verdicts()["cluster"] != OK || r.verdicts()["rights"] != OK || r.verdicts()["relay"] != OK || len(servers) != 4 {
		t.Errorf("servers %v, findings %+v", servers, r.Findings)
	}
}

func TestHangingServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Pause()
	defer s.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	_, err := Examine(ctx, Options{URL: s.URL(), Prefix: "troupe:"})
	if took := time.Since(began); err == nil || took > 30*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestSecretStaysHidden(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	url := user(t, s, "~troupe:*", "&troupe:*", "+@all", "-config", "-xadd")
	r := examine(t, url)
	var out bytes.Buffer
	if err := r.WriteText(&out, true); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{strings.Replace(url, "hunter2", "hunter3", 1), "redis://ann:hunter3@127.0.0.1:1", "redis://ann:hunter3@[", "hunter3"} {
		_, err := Examine(t.Context(), Options{URL: wrong, Prefix: "troupe:"})
		if err == nil {
			t.Errorf("%s is fine", wrong)
			continue
		}
		out.WriteString(err.Error())
	}
	if strings.Contains(out.String(), "hunter") {
		t.Errorf("shows a password:\n%s", &out)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	r := &Report{Redis: "redis://h", Verdict: Fail, Findings: []Finding{
		{Check: "a", Verdict: OK, What: "One.", Effect: strings.Repeat("word ", 40) + "end."},
		{Check: "b", Verdict: Fail, Server: "h:1", What: "Two.", Effect: "Three.", Fix: "four"},
	}}
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		if err := r.WriteText(&out, colour); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b") != colour {
			t.Errorf("colours: %q", &out)
		}
		for _, want := range []string{"b of h:1: Two. Three.\n         > four\n", "1 ok, 0 to look at, 1 failed, 0 could not be checked"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, &out)
			}
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > width+len(colours[Fail])+len(plainColour)+1 {
				t.Errorf("%d bytes: %s", len(line), line)
			}
		}
	}
	var out bytes.Buffer
	var back Report
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Findings) != 2 || back.Findings[1] != r.Findings[1] {
		t.Errorf("%v, %+v", err, back)
	}
}
