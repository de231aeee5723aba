// Command summary reads what go test -json prints and shows what a person wants to
// know: the line of each package as it ends, everything a failed test said, and
// at the end what was skipped and why. It fails if a test failed or none ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64 // seconds
}

type tally struct {
	said                    map[string][]string // output by package and test
	packages                []string            // their closing lines
	skips                   []string
	slow                    []string
	passed, failed, skipped int
	broken                  bool // a package failed, perhaps without a test
}

func main() {
	t := &tally{said: map[string][]string{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // what is not JSON comes from the go command itself
			continue
		}
		t.take(e)
	}
	if err := in.Err(); err != nil {
		fmt.Println("summary:", err)
		t.broken = true
	}
	os.Exit(t.close())
}

func (t *tally) take(e event) {
	key := cmp.Or(e.Package, e.ImportPath) + " " + e.Test
	switch e.Action {
	case "output":
		t.said[key] = append(t.said[key], e.Output)
		if e.Test == "" && closing(e.Output) {
			t.packages = append(t.packages, e.Output)
			fmt.Print(e.Output)
		}
	case "build-output":
		fmt.Print(e.Output)
	case "pass", "fail", "skip":
		t.ended(e, key)
		delete(t.said, key)
	}
}

// slowTest is after how many seconds a test is named.
const slowTest = 30

func closing(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t")
}

func (t *tally) ended(e event, key string) {
	if e.Test != "" && e.Elapsed >= slowTest {
		t.slow = append(t.slow, fmt.Sprintf("slow: %s %s took %.0f s", e.Package, e.Test, e.Elapsed))
	}
	switch {
	case e.Action == "fail":
		t.broken = true
		for _, line := range t.said[key] {
			if e.Test != "" || !closing(line) { // printed when it came
				fmt.Print(line)
			}
		}
		if e.Test != "" {
			t.failed++
		}
	case e.Test == "":
		return
	case e.Action == "pass":
		t.passed++
	default:
		t.skipped++
		t.skips = append(t.skips, fmt.Sprintf("  %s %s: %s", e.Package, e.Test, reason(t.said[key])))
	}
}

// reason is what the test said when it skipped.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// close repeats the lines of the packages, so that they stand at the end
// whatever came between.
func (t *tally) close() int {
	fmt.Println()
	for _, line := range t.packages {
		fmt.Print(line)
	}
	for _, line := range t.slow {
		fmt.Println(line)
	}
	slices.Sort(t.skips)
	if len(t.skips) == 0 {
		fmt.Println("skipped: nothing")
	} else {
		fmt.Printf("skipped:\n%s\n", strings.Join(t.skips, "\n"))
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.broken || t.passed == 0 {
		return 1
	}
	return 0
}
