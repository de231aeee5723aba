package settings

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A scalar is a setting with one value. Its key is its path in the file; its
// flag and its environment variable follow from it.
type scalar struct {
	key     string
	initial string // as a person would write it
	help    string
	set     func(*Settings, string) error
	get     func(*Settings) string
}

// scalars has them in the order in which they are shown.
var scalars = []scalar{
	text("listen", "127.0.0.1:8080", "Address to serve on, host:port. Without authentication only a loopback address.",
		func(s *Settings) *string { return &s.Listen }),
	words("origins", "Web origins whose pages may connect beside the node's own, or *.",
		func(s *Settings) *[]string { return &s.Origins }),
	flag("anyScript", "Allow topic names of every script, not only printable ASCII.",
		func(s *Settings) *bool { return &s.AnyScript }),
	text("redis", "", "URL of Redis, redis://host:6379, to be one of a cluster; without redis and postgres everything is in memory. A password belongs into TROUPE_REDIS: others can see flags.",
		func(s *Settings) *string { return &s.Redis }),
	text("postgres", "", "URL of Postgres, postgres://user@host:5432/database, to keep history there and hear what happens in it; without redis also to be one of a cluster. A password belongs into TROUPE_POSTGRES: others can see flags.",
		func(s *Settings) *string { return &s.Postgres }),
	text("schema", "", "Schema of Troupe's tables in Postgres; by default the prefix without its colon.",
		func(s *Settings) *string { return &s.Schema }),
	within("postgresConns", "8", 1, 1000, "Connections of this node to Postgres in its pool; listening and the outbox take a few more.",
		func(s *Settings) *int { return &s.PostgresConns }),
	text("prefix", "troupe:", "What the keys and channels of this cluster in Redis begin with, and what the schema in Postgres is called.",
		func(s *Settings) *string { return &s.Prefix }),
	within("replicas", "0", 0, maxReplicas, "Replicas of Redis that must have what is published before it counts as kept.",
		func(s *Settings) *int { return &s.Replicas }),
	size("memory", "256MiB", 1*MiB, 1<<40, "Bytes that the history of all topics may take; without effect with redis or postgres.",
		func(s *Settings) *Bytes { return &s.Memory }),
	span("drainTimeout", "10s", 0, time.Hour, "How long a gentle stop may take.",
		func(s *Settings) *time.Duration { return &s.DrainTimeout }),
	level("log.level", "info", "Least severe line to write: debug, info, warn or error.",
		func(s *Settings) *slog.Level { return &s.Log.Level }),
	choice("log.format", FormatAuto, []string{FormatAuto, FormatText, FormatJSON},
		"How to write lines: text, json, or auto (text on a terminal).",
		func(s *Settings) *string { return &s.Log.Format }),
	size("gateway.frame", "64KiB", 1*KiB, 64*MiB, "Greatest frame a client may send.",
		func(s *Settings) *Bytes { return &s.Gateway.Frame }),
	size("gateway.queue", "1MiB", 4*KiB, 1*GiB, "Bytes that may wait for one slow connection.",
		func(s *Settings) *Bytes { return &s.Gateway.Queue }),
	count("gateway.topics", "1000", "Topics that one connection may subscribe to.",
		func(s *Settings) *int { return &s.Gateway.Topics }),
	limit("gateway.framesPerSecond", "10000", "Frames that one connection may send within a second; -1 for no limit.",
		func(s *Settings) *int { return &s.Gateway.FramesPerSecond }),
	limit("gateway.connections", "100000", "Connections on this node; -1 for no limit.",
		func(s *Settings) *int { return &s.Gateway.Connections }),
	limit("gateway.connectionsPerAddress", "-1", "Connections from one address, loopback excepted; -1 for no limit.",
		func(s *Settings) *int { return &s.Gateway.ConnectionsPerAddress }),
	limit("gateway.upgradesPerAddress", "100", "Connections that one address may try within 10 s, loopback excepted; -1 for no limit.",
		func(s *Settings) *int { return &s.Gateway.UpgradesPerAddress }),
	span("gateway.hookTimeout", "10s", time.Millisecond, time.Hour, "How long authenticating one client may take.",
		func(s *Settings) *time.Duration { return &s.Gateway.HookTimeout }),
	span("gateway.pingAfter", "1m", time.Second, 24*time.Hour, "Silence towards a client after which it is sent a ping.",
		func(s *Settings) *time.Duration { return &s.Gateway.PingAfter }),
	span("gateway.idleTimeout", "2m", time.Second, 24*time.Hour, "Silence of a client after which it counts as gone.",
		func(s *Settings) *time.Duration { return &s.Gateway.IdleTimeout }),
	text("gateway.frameLimit", "", "Name of the limit, under limits in the file, of which every frame of a client takes a point.",
		func(s *Settings) *string { return &s.Gateway.FrameLimit }),
	text("gateway.upgradeLimit", "", "Name of the limit, by address or identity, of which every client that connects takes a point.",
		func(s *Settings) *string { return &s.Gateway.UpgradeLimit }),
}

// FlagName is the flag of a key: gateway.pingAfter becomes gateway-ping-after.
func FlagName(key string) string {
	var b strings.Builder
	for _, r := range key {
		switch {
		case r == '.':
			b.WriteByte('-')
		case unicode.IsUpper(r):
			b.WriteByte('-')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// EnvPrefix begins the environment variables of the program.
const EnvPrefix = "TROUPE_"

// EnvName is the environment variable of a flag: log-level becomes
// TROUPE_LOG_LEVEL.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func text(key, initial, help string, at func(*Settings) *string) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error { *at(s) = v; return nil },
		func(s *Settings) string { return *at(s) }}
}

func words(key, help string, at func(*Settings) *[]string) scalar {
	return scalar{key, "", help,
		func(s *Settings, v string) error {
			*at(s) = nil
			for w := range strings.SplitSeq(v, ",") {
				if w = strings.TrimSpace(w); w != "" {
					*at(s) = append(*at(s), w)
				}
			}
			return nil
		},
		func(s *Settings) string { return strings.Join(*at(s), ",") }}
}

func flag(key, help string, at func(*Settings) *bool) scalar {
	return scalar{key, "false", help,
		func(s *Settings, v string) error {
			if v != "true" && v != "false" {
				return fmt.Errorf("must be true or false, not %q", clip(v))
			}
			*at(s) = v == "true"
			return nil
		},
		func(s *Settings) string { return strconv.FormatBool(*at(s)) }}
}

func size(key, initial string, least, most Bytes, help string, at func(*Settings) *Bytes) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			b, err := ParseBytes(v)
			if err == nil && (b < least || b > most) {
				err = fmt.Errorf("must be %s to %s, not %s", least, most, b)
			}
			if err == nil {
				*at(s) = b
			}
			return err
		},
		func(s *Settings) string { return at(s).String() }}
}

func span(key, initial string, least, most time.Duration, help string, at func(*Settings) *time.Duration) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			d, err := parseDuration(v)
			if err == nil && (d < least || d > most) {
				err = fmt.Errorf("must be %s to %s, not %s", least, most, d)
			}
			if err == nil {
				*at(s) = d
			}
			return err
		},
		func(s *Settings) string { return at(s).String() }}
}

func count(key, initial, help string, at func(*Settings) *int) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > math.MaxInt32 {
				return fmt.Errorf("must be a whole number from 1, not %q", clip(v))
			}
			*at(s) = n
			return nil
		},
		func(s *Settings) string { return strconv.Itoa(*at(s)) }}
}

// limit is a count that can be turned off.
func limit(key, initial, help string, at func(*Settings) *int) scalar {
	s := count(key, initial, help, at)
	counted := s.set
	s.set = func(into *Settings, v string) error {
		if v == "-1" {
			*at(into) = -1
			return nil
		}
		if err := counted(into, v); err != nil {
			return fmt.Errorf("%w (-1 sets no limit)", err)
		}
		return nil
	}
	return s
}

// maxReplicas is far more than anybody waits for.
const maxReplicas = 100

// within is a count between bounds.
func within(key, initial string, least, most int, help string, at func(*Settings) *int) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < least || n > most {
				return fmt.Errorf("must be a whole number from %d to %d, not %q", least, most, clip(v))
			}
			*at(s) = n
			return nil
		},
		func(s *Settings) string { return strconv.Itoa(*at(s)) }}
}

func level(key, initial, help string, at func(*Settings) *slog.Level) scalar {
	names := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError}
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			l, ok := names[v]
			if !ok {
				return fmt.Errorf("must be debug, info, warn or error, not %q", clip(v))
			}
			*at(s) = l
			return nil
		},
		func(s *Settings) string { return strings.ToLower(at(s).String()) }}
}

func choice(key, initial string, of []string, help string, at func(*Settings) *string) scalar {
	return scalar{key, initial, help,
		func(s *Settings, v string) error {
			for _, o := range of {
				if v == o {
					*at(s) = v
					return nil
				}
			}
			return fmt.Errorf("must be one of %s, not %q", strings.Join(of, ", "), clip(v))
		},
		func(s *Settings) string { return *at(s) }}
}

func parseDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("must be a time such as 500ms, 30s or 1h30m, not %q", clip(v))
	}
	return d, nil
}

// A Setting describes one that flags and environment variables can set.
type Setting struct {
	Key     string // its path in the file
	Flag    string // without dashes
	Env     string
	Default string
	Help    string
}

// Described lists the settings with one value, in the order of Print.
func Described() []Setting {
	all := make([]Setting, len(scalars))
	for i, s := range scalars {
		name := FlagName(s.key)
		all[i] = Setting{s.key, name, EnvName(name), s.initial, s.help}
	}
	return all
}
