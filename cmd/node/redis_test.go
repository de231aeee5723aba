package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

const redisPassword = "hunter2hunter2"

// withPassword makes a user of the server and returns the URL for it.
func withPassword(t *testing.T, s *redistest.Server, rules ...any) string {
	t.Helper()
	if len(rules) == 0 {
		rules = []any{"~*", "&*", "+@all"}
	}
	if err := s.Client(t).Do(t.Context(), append([]any{"acl", "setuser", "ann", "on", ">" + redisPassword}, rules...)...).Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.URL(), "redis://", "redis://ann:"+redisPassword+"@", 1)
}

// TestReadyzFollowsRedis lets Redis hang: the node is not ready, though alive,
// and is again when Redis answers.
func TestReadyzFollowsRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	p := serve(t, nil, "--redis", redis.URL())
	ready := func(status int, says string) {
		t.Helper()
		eventually(t, func() error {
			if got, body := get(t, p.url+"/readyz", nil); got != status || !strings.Contains(body, says) {
				return fmt.Errorf("readyz: %d %s", got, body)
			}
			return nil
		})
	}
	ready(http.StatusOK, "ready")
	redis.Pause()
	ready(http.StatusServiceUnavailable, "redis is down")
	if status, body := get(t, p.url+"/healthz", nil); status != http.StatusOK || body != "alive\n" {
		t.Errorf("healthz: %d %s", status, body)
	}
	if _, body := get(t, p.url+"/debug/health", nil); !strings.Contains(body, `"ready":false`) || !strings.Contains(body, `"backend":"redis","state":"broken"`) && !strings.Contains(body, `"state":"probing"`) {
		t.Errorf("debug: %s", body)
	}
	redis.Resume()
	ready(http.StatusOK, "ready")
}

// TestRedisSecretNowhere looks for the password wherever the node speaks, in
// good days and in bad ones.
func TestRedisSecretNowhere(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	url := withPassword(t, redis)
	var said strings.Builder
	hear := func(env []string, args ...string) {
		t.Helper()
		_, stdout, stderr := run(t, env, args...)
		said.WriteString(stdout + stderr)
	}
	env := []string{"TROUPE_REDIS=" + url}
	wrong := strings.Replace(url, ":"+redisPassword, ":wrong"+redisPassword, 1)
	hear(env, "config")
	hear(env, "check")
	hear(env, "doctor")
	hear(nil, "config", "--redis", url)
	hear(nil, "config", "--redis", url+"/x")
	hear(nil, "--redis", wrong, "--listen", "127.0.0.1:0")
	hear(nil, "--redis", strings.Replace(url, "127.0.0.1", "nowhere.invalid", 1), "--listen", "127.0.0.1:0")
	hear(nil, "doctor", "--redis", wrong)
	hear(nil, "doctor", "--redis", url+"#"+redisPassword)
	hear(nil, url)
	hear(nil, "serve", url)
	hear(nil, "check", file(t, "t.yaml", "redis: "+url+"\nlisten: x\n"))
	p := serve(t, env, "--log-level", "debug")
	look := func() {
		for _, path := range []string{"/", "/stats", "/metrics", "/readyz", "/debug/", "/debug/members", "/debug/health", "/debug/topics"} {
			_, body := get(t, p.url+path, nil)
			said.WriteString(body)
		}
	}
	publish(t, p.url, "room:1", "msg", "1")
	if _, stats := get(t, p.url+"/stats", nil); !strings.Contains(stats, `"backend":"redis","members":1`) || strings.Contains(stats, redis.Addr()) {
		t.Errorf("what everybody may read says where Redis is: %s", stats)
	}
	look()
	if err := redis.Client(t).Do(t.Context(), "acl", "setuser", "ann", "resetpass", ">other").Err(); err != nil {
		t.Fatal(err)
	}
	redis.KillClients(t)
	eventually(t, func() error {
		if status, body := get(t, p.url+"/readyz", nil); status == http.StatusOK {
			return fmt.Errorf("ready although Redis takes no password: %s", body)
		}
		return nil
	})
	look()
	hear(nil, "members", "--url", p.url)
	hear(nil, "publish", "room:1", "msg", "1", "--url", p.url)
	said.WriteString(p.stderr.String() + p.stdout.String())
	if at := strings.Index(said.String(), redisPassword); at >= 0 {
		t.Errorf("shows the password: ...%s", said.String()[max(0, at-300):at+len(redisPassword)])
	}
	if !strings.Contains(said.String(), "127.0.0.1") {
		t.Error("nothing was said at all")
	}
}

func TestStartSaysWhere(t *testing.T) {
	t.Parallel()
	if p := serve(t, nil); !strings.Contains(p.stderr.String(), "all in memory") {
		t.Errorf("said\n%s", &p.stderr)
	}
	redis := redistest.Start(t)
	if p := serve(t, nil, "--redis", withPassword(t, redis)); !strings.Contains(p.stderr.String(), "cluster over Redis") || !strings.Contains(p.stderr.String(), "backend=redis://"+redis.Addr()) {
		t.Errorf("said\n%s", &p.stderr)
	}
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	code, _, stderr := run(t, nil, "--redis", "redis://"+freeAddress(t), "--listen", "127.0.0.1:0")
	if code != exitFault || !strings.Contains(stderr, "connect") {
		t.Errorf("code %d\n%s", code, stderr)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	limited := withPassword(t, redis, "~troupe:*", "&troupe:*", "+@all", "-xadd")
	for name, c := range map[string]struct {
		env, args []string
		code      int
		says      string
	}{
		"fine":         {nil, []string{"--redis", redis.URL()}, exitFine, "0 failed"},
		"by variable":  {[]string{"TROUPE_REDIS=" + redis.URL()}, nil, exitFine, "0 failed"},
		"by file":      {nil, []string{"--config", file(t, "t.yaml", "redis: "+redis.URL())}, exitFine, "0 failed"},
		"missing":      {nil, []string{"--redis", limited}, exitFault, "XADD"},
		"replicas":     {nil, []string{"--redis", redis.URL(), "--replicas", "2"}, exitFault, "asks for 2"},
		"other prefix": {nil, []string{"--redis", limited, "--prefix", "other:"}, exitFault, "NOPERM"},
		"as JSON":      {nil, []string{"--redis", redis.URL(), "--json"}, exitFine, `"verdict"`},
		"nobody":       {nil, []string{"--redis", "redis://" + freeAddress(t)}, exitUsage, ""},
		"no URL":       {nil, nil, exitUsage, ""},
	} {
		code, stdout, stderr := run(t, c.env, append([]string{"doctor"}, c.args...)...)
		if code != c.code || !strings.Contains(stdout, c.says) || (code == exitUsage) != (stdout == "") || code != exitFine && stderr == "" {
			t.Errorf("%s: code %d\n%s%s", name, code, stdout, stderr)
		}
		if strings.Contains(stdout, "\x1b") || name == "as JSON" && !json.Valid([]byte(stdout)) {
			t.Errorf("%s:\n%s", name, stdout)
		}
	}
}
