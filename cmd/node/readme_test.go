package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeNames looks up every metric and every flag that the README names.
func TestReadmeNames(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	readme, metrics := read("../../README.md"), read("testdata/metrics.txt")
	// A function in Postgres is named like a metric, with its schema before it.
	named := regexp.MustCompile(`[^.]\b(troupe_[a-z_]+)`).FindAllStringSubmatch(readme, -1)
	if len(named) < 10 {
		t.Errorf("names only %s", named)
	}
	for _, name := range named {
		if !regexp.MustCompile(`(?m)^` + name[1] + `(\{|$)`).MatchString(metrics) {
			t.Errorf("there is no metric %s", name[1])
		}
	}
	outbox := read("../../persistence/pgdb/sql/0005_outbox.sql")
	for _, call := range regexp.MustCompile(`\btroupe\.(\w+)\(`).FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(outbox, "function {schema}."+call[1]+"(") {
			t.Errorf("there is no function %s", call[1])
		}
	}
	var help strings.Builder
	for _, command := range [][]string{{"--help"}, {"publish", "--help"}, {"tail", "--help"}, {"doctor", "--help"}, {"members", "--help"},
		{"pg", "status", "--help"}, {"pg", "trigger", "--help"}, {"pg", "outbox", "dead", "--help"}, {"pg", "outbox", "retry", "--help"}} {
		_, stdout, _ := run(t, nil, command...)
		help.WriteString(stdout)
	}
	for _, flag := range regexp.MustCompile(`[ \x60](--[a-z-]+)`).FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(help.String(), flag[1]) {
			t.Errorf("there is no flag %s", flag[1])
		}
	}
}
