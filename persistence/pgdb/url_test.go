package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://localhost/a":                                               "",
		"postgresql://u:p@h:5432/a?sslmode=disable":                            "",
		"postgres://u:p%40%2F%3A@[::1]:5432/a":                                 "",
		"postgres://u:pa:ss@10.0.0.1,10.0.0.2:5433/a?target_session_attrs=any": "",
		"postgres://u@/a?host=/var/run/postgresql":                             "",
		"postgres://%2Fvar%2Frun/a":                                            "",
		"postgres://h/a?sslmode=disable&work_mem=4MB":                          "",
		"":                                                "begins with postgres://",
		"redis://h/a":                                     "begins with postgres://",
		"host=h dbname=a password=s3cret":                 "begins with postgres://",
		"postgres:h":                                      "begins with postgres://",
		"postgres://h":                                    "names no database",
		"postgres://u:s3@cret@h/a":                        "well-formed",
		"postgres://u:s3/cret@h/a":                        "well-formed",
		"postgres://u:s3?cret@h/a":                        "well-formed",
		"postgres://u:s3?x=cret@h/a":                      "well-formed",
		"postgres://u:s3#cret@h/a":                        "well-formed",
		"postgres://u:s3 cret@h/a":                        "well-formed",
		"postgres://u:s3cret/a":                           "well-formed",
		"postgres://h:port/a":                             "well-formed",
		"postgres://h:123456/a":                           "well-formed",
		"postgres://u:p@h/a/b":                            "well-formed",
		"postgres://u:s3%zzcret@h/a":                      "understand",
		"postgres://h:70000/a":                            "understand",
		"postgres://h/a?sslmode=maybe":                    "understand",
		"postgres://h/a?statement_timeout=1":              "the parameter statement_timeout",
		"postgres://h/a?sslmode=disable&pool_max_conns=4": "the parameter pool_...",
		"postgres://h/a?connect%5Ftimeout=4":              "the parameter connect_timeout",
		"postgres://h/a?Application_Name=x":               "the parameter application_name",
		"postgres://h/a?options=-cstatement_timeout%3D0":  "the parameter options",
		"postgres://h/a?default_query_exec_mode=exec":     "the parameter default_query_exec_mode",
		"postgres://u:p@/a?host=s3cret%40h":               "host that can not be one",
		"postgres://u:p@h1,h2,h3/a?target_session_attrs=sometimes&password=s3cret": "understand",
	} {
		err := pgdb.CheckURL(url)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		c, ok := errors.AsType[*pgdb.ConfigError](err)
		if !ok || c.Field != "postgres" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// FuzzURL builds URLs around a password, most of them wrong: where it stands unescaped it may be taken for something else. It must be in no error.
func FuzzURL(f *testing.F) {
	const secret = "Qx7vZk"
	for _, s := range []string{"postgres://u:%s@127.0.0.1:1/a", "postgres://u:@%s@127.0.0.1:1/a", "postgres://u:%s/x@127.0.0.1:1/a", "postgres://u:1/%s@127.0.0.1:1/a",
		"postgres://u:1?%s=@127.0.0.1:1/a", "postgres://u:1?a=%s@127.0.0.1:1/a", "postgres://u:%s", "postgres://u:1@%s@h/a", "postgres://u:1,%s@h/a", "postgres://u:1#%s@127.0.0.1:1/a",
		"postgres://u:p[%s@127.0.0.1:1/a", "postgres://u:%%%s@127.0.0.1:1/a", "postgres://u@127.0.0.1:1/a?password=%s", "postgres://u@127.0.0.1:1/a?pass%%77ord=%s&sslmode=x",
		"postgres://u:1\\%s@127.0.0.1:1/a", "user=u password=%s host=127.0.0.1 port=1", "postgres://u:1;%s@127.0.0.1:1/a", "postgres:u:%s@127.0.0.1", "postgres://u:1:%s@127.0.0.1:1/a?sslmode=verify-full&sslrootcert=/no"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, after, ok := strings.Cut(text, "%s")
		// A secret that stands where a user, host, database or the name of a parameter belongs can not be told from one.
		if i := strings.LastIndex(before, "u:"); !ok || i < 0 && !strings.Contains(before, "password=") || strings.Contains(after, "%s") {
			return
		}
		raw := strings.ReplaceAll(before, "%%", "%") + secret + strings.ReplaceAll(after, "%%", "%")
		err := pgdb.CheckURL(raw)
		if err == nil {
			if !strings.Contains(raw, "@127.0.0.1:1/") {
				return // it might be a server
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var db *pgdb.DB
			if db, err = pgdb.Open(ctx, pgdb.Config{URL: raw, Timeout: 200 * time.Millisecond}); err == nil {
				_ = db.Close()
				return
			}
		}
		for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%q", err)} {
			if strings.Contains(shown, secret) && secretIsOne(raw, secret) {
				t.Fatalf("%s: %s", raw, shown)
			}
		}
	})
}

// secretIsOne reports whether what CheckURL took for the password has the secret.
func secretIsOne(raw, secret string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	user, _, ok := strings.Cut(rest, "@")
	_, password, two := strings.Cut(user, ":")
	return !ok || two && strings.Contains(password, secret) || strings.Contains(raw, "password=")
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"troupe": "", "a": "", "_x9": "", strings.Repeat("a", 40): "", "pgx": "", "publicity": "",
		"": "1 to 40", strings.Repeat("a", 41): "1 to 40",
		"a;b": "lower case", "a b": "lower case", `a"b`: "lower case", "a'b": "lower case", "Upper": "lower case", "9a": "lower case",
		"a-b": "lower case", "ä": "lower case", "a\x00": "lower case", "a.b": "lower case", "a\n": "lower case",
		"pg_x": "of its own", "pg_catalog": "of its own", "information_schema": "of its own", "public": "of its own",
	} {
		t.Run("PGR-05 "+name, func(t *testing.T) {
			t.Parallel()
			err := pgdb.CheckSchema(name)
			if c, ok := errors.AsType[*pgdb.ConfigError](err); want == "" && err != nil || want != "" && (!ok || c.Field != "schema" || !strings.Contains(c.Rule, want)) {
				t.Errorf("%q: %v, want %q", name, err, want)
			}
			if name == "" {
				return // the default
			}
			if _, err := pgdb.Open(t.Context(), pgdb.Config{URL: "postgres://127.0.0.1:1/a", Schema: name}); want != "" && !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%q: open: %v, want %q", name, err, want)
			}
		})
	}
}

func TestSchemaFor(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"troupe:": "troupe", "Shop:": "shop", "a_b:/.": "a_b", "x": "x", "": "", "a:b:": "", "pg_x:": "", "é:": "", ":": ""} {
		got, err := pgdb.SchemaFor(prefix)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", prefix, got, err, want)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	const url = "postgres://127.0.0.1:1/a"
	for want, cfg := range map[string]pgdb.Config{
		"timeout: must be at least":      {URL: url, Timeout: time.Microsecond},
		"max connections: must be 1 to":  {URL: url, MaxConns: -1},
		"connections: must be 1 to 1000": {URL: url, MaxConns: 1001},
		"postgres: must be a URL":        {},
	} {
		_, err := pgdb.Open(t.Context(), cfg)
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if field, rule := pgdb.Fault(err); !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), rule) {
			t.Errorf("fault %q %q of %v", field, rule, err)
		}
	}
	if field, rule := pgdb.Fault(errors.New("x")); field != "postgres" || rule != "x" {
		t.Errorf("fault %q %q", field, rule)
	}
}
