package redisconn_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"redis://127.0.0.1:6379", "redis://localhost", "redis://[::1]:6379/3", "redis://user:pass@host/0?protocol=2",
		"redis://:p%40ss%2F@host:1", "redis://:p@ss@host:1", "rediss://host?skip_verify=true", "unix:///run/redis.sock?db=2",
		"unix://user:pw@/run/redis.sock", "redis://a:1?addr=b:2&addr=c:3", "redis://s:26379?master_name=main&addr=s2:26379&password=x&db=1",
		"redis://h?pool_size=5&client_name=troupe",
	} {
		if err := redisconn.CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, rule := range map[string]string{
		"":                                    "begin with",
		"127.0.0.1:6379":                      "",
		"localhost:6379":                      "begin with",
		"http://hunter2@host":                 "begin with",
		"redis://:hun/ter2@host":              "",
		"redis://u:12/hunter2@host":           "@ behind",
		"redis://u:12#hunter2@host":           "#",
		"redis://u:12?hunter2@host":           "@ behind",
		"redis://u:hunter2 @host":             "",
		"redis://:hunter2":                    "",
		"redis://host:hunter2":                "",
		"redis://host/hunter2":                "database",
		"redis://host/1/hunter2":              "path",
		"redis://host?hunter2=1":              "parameter",
		"redis://host?pool_size=hunter2":      "parameter",
		"redis://a:1?addr=hunter2":            "addr",
		"redis://a:1/2?addr=b:2":              "database",
		"redis://":                            "no host",
		"redis:hunter2":                       "no host",
		"unix://":                             "no socket",
		"unix:///s?addr=b:2":                  "one server",
		"redis://h?max_retries=3":             "max_retries",
		"redis://h?read_timeout=1s":           "read_timeout",
		"redis://a:1?addr=b:2&read_only=true": "read_only",
	} {
		err := redisconn.CheckURL(bad)
		fault, ok := errors.AsType[*redisconn.ConfigError](err)
		if !ok || fault.Field != "redis" || !strings.Contains(fault.Rule, rule) {
			t.Errorf("%q: %v, want a rule with %q", bad, err, rule)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(redisconn.Redact(bad), "hunter2") {
			t.Errorf("%q shows the password: %v, %s", bad, err, redisconn.Redact(bad))
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"redis://user:hunter2@host:1/3?client_name=x":          "redis://host:1/3",
		"rediss://hunter2@host":                                "rediss://host",
		"redis://a:1?addr=b:2&master_name=m&password=hunter2":  "redis://a:1?addr=b%3A2&master_name=m",
		"redis://a:1?master_name=m&username=me&addr=user%3A99": "redis://a:1?addr=user%3A99&master_name=m",
		"unix://u:hunter2@/run/redis.sock?db=2":                "unix:///run/redis.sock?db=2",
		"redis://hunter2:hunter2:hunter2":                      "(not a valid URL)",
	} {
		if got := redisconn.Redact(raw); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func TestCheckPrefix(t *testing.T) {
	t.Parallel()
	for _, good := range []string{redisconn.DefaultPrefix, "a", strings.Repeat("x", redisconn.MaxPrefix), "prod/eu-1:~"} {
		if err := redisconn.CheckPrefix(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", redisconn.MaxPrefix+1), "a b", "a\n", "ä", "{a}", "a}", `a"`, "a'", "a`", `a\`, "a*", "a?", "[a", "a]", "\x7f"} {
		if fault, ok := errors.AsType[*redisconn.ConfigError](redisconn.CheckPrefix(bad)); !ok || fault.Field != "prefix" {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]redisconn.Config{
		"redis":      {URL: "nonsense"},
		"prefix":     {URL: "redis://h", Prefix: "{"},
		"timeout":    {URL: "redis://h", Timeout: time.Microsecond},
		"lanes":      {URL: "redis://h", Lanes: 17},
		"max queued": {URL: "redis://h", MaxQueued: -1},
	} {
		_, err := redisconn.Open(t.Context(), cfg)
		if fault, ok := errors.AsType[*redisconn.ConfigError](err); !ok || fault.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Whatever is written for a password, and wherever it lands when it is not
// encoded, nobody is shown it.
func FuzzURL(f *testing.F) {
	for _, password := range []string{"hunter2hunter2", "p@ss@word", "pa/ss/word", "pa?ss=word", "12#password", "12/3password", "%zzpassword", "[::1]password", "12?addr=b:2"} {
		for shape := range 6 {
			f.Add(password, shape)
		}
	}
	f.Fuzz(func(t *testing.T, password string, shape int) {
		const marker = "S3CR3T" // stands in the middle of each part, however it is cut
		secret := marker + password + marker
		shapes := []string{
			"redis://user:" + secret + "@host:6379/1", "redis://:" + secret + "@host", "rediss://" + secret + "@host",
			"redis://user:" + url.QueryEscape(secret) + "@host?addr=b:1", "unix://:" + secret + "@/run/redis.sock",
			"redis://sentinel:1?master_name=m&password=" + url.QueryEscape(secret),
		}
		raw := shapes[max(shape, -shape, 0)%len(shapes)]
		if err := redisconn.CheckURL(raw); err != nil {
			if _, ok := errors.AsType[*redisconn.ConfigError](err); !ok || strings.Contains(err.Error(), marker) {
				t.Errorf("%q: %v", raw, err)
			}
		}
		if got := redisconn.Redact(raw); strings.Contains(got, marker) {
			t.Errorf("%q is shown as %q", raw, got)
		}
	})
}
