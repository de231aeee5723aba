package pgdb

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// CheckURL returns a *ConfigError, which shows nothing of the URL, unless it is one that
// Open understands:
//
//	postgres://[user[:password]@]host[:port][,host:port...]/database[?sslmode=...&target_session_attrs=...]
//	postgresql://...                              the same
//
// Of several hosts the one is used that takes writes. Parameters are those of libpq. What is missing is taken
// from libpq's environment variables and files, such as PGPASSWORD and .pgpass. Refused are parameters that set
// timeouts and pools, which Config decides.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// ours are parameters that Config decides.
var ours = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout",
	"application_name", "client_encoding", "search_path", "options", "connect_timeout", "default_query_exec_mode", "timezone",
	"default_transaction_isolation"}

const escapes = "in user, password and parameters, characters such as @ / ? # % are written %40 %2F %3F %23 %25"

func parseURL(raw string) (*pgxpool.Config, error) {
	rule := func(r string) (*pgxpool.Config, error) { return nil, &ConfigError{Field: "postgres", Rule: r} }
	_, rest, ok := strings.Cut(raw, "://")
	if !ok || !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
		return rule("must be a URL that begins with postgres://, such as postgres://user@host:5432/database")
	}
	if !wellFormed(rest) {
		return rule("is not a well-formed URL: postgres://user:password@host:5432/database?sslmode=require (" + escapes + ")")
	}
	if p := refused(rest); p != "" {
		return rule("has the parameter " + p + ", which is not to be set there")
	}
	cfg, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return rule("is not a URL that Postgres' clients understand: postgres://user:password@host:5432/database?sslmode=require (" + escapes + ")")
	}
	c := cfg.ConnConfig
	if !hostName.MatchString(c.Host) || slices.ContainsFunc(hostNames(cfg), func(h string) bool { return !hostName.MatchString(h) }) {
		return rule("has a host that can not be one (" + escapes + ")")
	}
	if c.Database == "" {
		return rule("names no database: postgres://user@host:5432/database")
	}
	return cfg, nil
}

var (
	// place is what may stand between user and database. A password that has one of the characters which are to be escaped
	// would else be taken for a host, and shown in errors.
	place    = regexp.MustCompile(`^([A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%a-z]*\]|%2[Ff][A-Za-z0-9._%-]*)(:[0-9]{1,5})?$`)
	hostName = regexp.MustCompile(`^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?|/[A-Za-z0-9._/-]*)$`)
	path     = regexp.MustCompile(`^(/[^/@#?:]*)?$`)
)

// wellFormed is strict where pgx guesses. It is given what follows the scheme.
func wellFormed(rest string) bool {
	rest, query, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(rest+query, "# \t\r\n") || strings.Contains(query, "@") || strings.Count(rest, "@") > 1 {
		return false
	}
	if user, after, ok := strings.Cut(rest, "@"); ok {
		if strings.Contains(user, "/") {
			return false
		}
		rest = after
	}
	places, database := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		places, database = rest[:i], rest[i:]
	}
	for p := range strings.SplitSeq(places, ",") {
		if !place.MatchString(p) {
			return false
		}
	}
	return path.MatchString(database)
}

// refused is a parameter that Config decides, "" if there is none.
func refused(rest string) string {
	_, query, _ := strings.Cut(rest, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(name); err == nil {
			name = decoded
		}
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "pool_") {
			return "pool_..."
		}
		if slices.Contains(ours, name) {
			return name
		}
	}
	return ""
}

func hostNames(cfg *pgxpool.Config) []string {
	var names []string
	for _, f := range cfg.ConnConfig.Fallbacks {
		names = append(names, f.Host)
	}
	return names
}
