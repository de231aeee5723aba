package main

import (
	"fmt"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestPackageDocs keeps every package a door that a newcomer can open: one
// doc.go with the only package comment, and guarantees whose tests exist.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	for _, fault := range docFaults(ownModule(t)) {
		t.Error(fault)
	}
}

// TestForbidden keeps out what has bitten before.
func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, fault := range forbiddenFaults(ownModule(t)) {
		t.Error(fault)
	}
}

func docFaults(files []*sourceFile) []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	docs := map[string]*sourceFile{}
	tests := map[string]map[string]bool{}
	for _, f := range files {
		if tests[f.dir] == nil {
			tests[f.dir] = map[string]bool{}
		}
		if f.test {
			for _, decl := range f.ast.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
					tests[f.dir][fn.Name.Name] = true
				}
			}
			continue
		}
		if _, known := docs[f.dir]; !known {
			docs[f.dir] = nil
		}
		if f.ast.Doc == nil {
			continue
		}
		if !strings.HasSuffix(f.name, "/doc.go") {
			add("%s: the package comment belongs into doc.go", f.name)
		} else {
			docs[f.dir] = f
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(docs)) {
		if docs[dir] == nil {
			add("%s has no doc.go with a package comment: say what it is, guarantees, messages, failure", dir)
			continue
		}
		for _, name := range namedTests(docs[dir].ast.Doc.Text()) {
			if !tests[dir][name] {
				add("%s names %s, which does not exist there", docs[dir].name, name)
			}
		}
	}
	return faults
}

var (
	parenthesis = regexp.MustCompile(`\(([^()]*)\)`)
	testName    = regexp.MustCompile(`\b(?:Test|Fuzz|Example|Benchmark)(?:_?[A-Z]\w*|_\w+)\b`)
)

// namedTests finds the tests that stand in parentheses.
func namedTests(doc string) []string {
	var names []string
	for _, p := range parenthesis.FindAllStringSubmatch(doc, -1) {
		names = append(names, testName.FindAllString(p[1], -1)...)
	}
	return names
}

func forbiddenFaults(files []*sourceFile) []string {
	var faults []string
	bubbled := map[string]bool{} // packages whose tests, or whose help for tests, run in bubbles
	for _, f := range files {
		bubbled[f.dir] = bubbled[f.dir] || f.local("testing/synctest") != ""
	}
	for _, f := range files {
		help := f.test || f.local("testing") != ""
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			why := ""
			switch {
			case sel.Sel.Name == "SetReceiveTimeout":
				why = "it races by construction; the keeper retires idle actors"
			case sel.Sel.Name == "RequestFuture":
				why = "futures race and know no context; use actors.Ask"
			case sel.Sel.Name == "Sleep" && isIdent(sel.X, f.local("time")) && help && !bubbled[f.dir]:
				why = "a test waits for what must happen, or sleeps inside testing/synctest"
			case sel.Sel.Name == "Sleep" && isIdent(sel.X, f.local("time")) && !help && !strings.HasPrefix(f.dir, "bench"):
				why = "nothing can cut a sleep short; use a timer and a context"
			}
			if why != "" {
				faults = append(faults, fmt.Sprintf("%s uses %s: %s", f.at(sel), sel.Sel.Name, why))
			}
			return true
		})
	}
	return faults
}

// TestHouseCatches shows the tests of the house modules that break its rules.
func TestHouseCatches(t *testing.T) {
	t.Parallel()
	const doc = "// Package a is one.\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no doc":            {map[string]string{"a/a.go": "package a"}, "a has no doc.go"},
		"doc elsewhere":     {map[string]string{"a/a.go": doc + "package a"}, "belongs into doc.go"},
		"two docs":          {map[string]string{"a/doc.go": doc + "package a", "a/b.go": doc + "package a"}, "a/b.go: the package comment"},
		"no such test":      {map[string]string{"a/doc.go": "// Package a is one (TestA).\npackage a"}, "names TestA, which does not exist"},
		"one of two":        {map[string]string{"a/doc.go": "// Package a (TestA,\n// FuzzB).\npackage a", "a/a_test.go": "package a; func TestA() {}"}, "names FuzzB"},
		"sleep in test":     {map[string]string{"a/doc.go": doc + "package a", "a/a_test.go": "package a; import \"time\"; func f() { time.Sleep(1) }"}, "a/a_test.go:1 uses Sleep"},
		"sleep in product":  {map[string]string{"a/doc.go": doc + "package a; import t \"time\"; func f() { t.Sleep(1) }"}, "nothing can cut a sleep short"},
		"receive timeout":   {map[string]string{"a/doc.go": doc + "package a; func f(c C) { c.SetReceiveTimeout(1) }"}, "races by construction"},
		"future":            {map[string]string{"a/doc.go": doc + "package a; func f(c C) { c.RequestFuture(1) }"}, "use actors.Ask"},
		"all is well":       {map[string]string{"a/doc.go": "// Package a (TestA).\npackage a", "a/b_test.go": "package a_test; func TestA() {}"}, ""},
		"sleep in a bubble": {map[string]string{"a/doc.go": doc + "package a", "a/a_test.go": "package a; import (\"time\"; \"testing/synctest\"); func f() { time.Sleep(1); synctest.Wait() }"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := fstest.MapFS{}
			for file, text := range c.files {
				module[file] = &fstest.MapFile{Data: []byte(text)}
			}
			files, err := parseModule(module)
			if err != nil {
				t.Fatal(err)
			}
			faults := append(docFaults(files), forbiddenFaults(files)...)
			if c.want == "" && len(faults) > 0 {
				t.Errorf("refused: %s", faults)
			}
			if c.want != "" && !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
		})
	}
}
