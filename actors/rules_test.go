package actors_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const protoactor = "github.com/asynkron/protoactor-go"

// forbiddenNames of protoactor's package actor, with the reason.
var forbiddenNames = map[string]string{
	"SetReceiveTimeout":    "its timer goroutine writes the actor's fields: a data race by construction",
	"CancelReceiveTimeout": "belongs to SetReceiveTimeout",
	"RequestFuture":        "a late answer races with the timeout, and no context ends it; use Ask",
	"StopFuture":           "fixed at 10 seconds, and a Future",
	"PoisonFuture":         "fixed at 10 seconds, and a Future",
	"NewFuture":            "a late answer races with the timeout",
	"Future":               "a late answer races with the timeout",
	"ReenterAfter":         "needs a Future; use Context.Go",
	"Stash":                "replayed on restart only, backwards",
}

// breaches returns what file, in the folder dir of the repository, does against
// the rules about protoactor.
func breaches(dir string, file *ast.File) []string {
	var found []string
	name := "" // by which the file knows protoactor's package actor
	for _, imp := range file.Imports {
		path := strings.Trim(imp.Path.Value, `"`)
		sub, ok := strings.CutPrefix(path, protoactor)
		switch {
		case !ok:
			continue
		case sub != "/actor":
			found = append(found, fmt.Sprintf("imports %s: only protoactor's package actor is used (router and cluster race, remote can be crashed by one packet)", path))
		case dir != "actors":
			found = append(found, "imports protoactor: it is hidden by package actors, so that it can be replaced")
		}
		name = "actor"
		if imp.Name != nil {
			name = imp.Name.Name
		}
	}
	if name == "" {
		return found
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if why := forbiddenNames[sel.Sel.Name]; why != "" {
				found = append(found, fmt.Sprintf("uses %s: %s", sel.Sel.Name, why))
			}
		}
		return true
	})
	return found
}

func TestProtoactorStaysInItsRoom(t *testing.T) {
	t.Parallel()
	root := ".."
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipForeign(root, path, d)
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // the compiler says so better
		}
		files++
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		for _, b := range breaches(filepath.ToSlash(dir), file) {
			t.Errorf("%s %s", path, b)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("walked %d files: %v", files, err)
	}
}

// skipForeign skips modules of their own, test data and hidden folders.
func skipForeign(root, path string, d fs.DirEntry) error {
	if path == root {
		return nil
	}
	if n := d.Name(); n == "testdata" || n == "node_modules" || strings.HasPrefix(n, ".") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func TestBreachesAreFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, dir, source string
		want              int
	}{
		{"clean", "topic", `import "context"; var _ context.Context`, 0},
		{"outside", "topic", `import "github.com/asynkron/protoactor-go/actor"; var _ actor.Actor`, 1},
		{"below actors", "actors/ratelimit", `import "github.com/asynkron/protoactor-go/actor"; var _ actor.Actor`, 1},
		{"inside", "actors", `import "github.com/asynkron/protoactor-go/actor"; var _ actor.Actor`, 0},
		{"cluster", "actors", `import "github.com/asynkron/protoactor-go/cluster"`, 1},
		{"future", "actors", `import a "github.com/asynkron/protoactor-go/actor"; var _ *a.Future`, 1},
		{"timeout", "actors", `import "github.com/asynkron/protoactor-go/actor"; func f(c actor.Context) { c.SetReceiveTimeout(1) }`, 1},
		{"another Future", "topic", `import a "x/y"; var _ *a.Future`, 0},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+tt.source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := breaches(tt.dir, file); len(got) != tt.want {
			t.Errorf("%s: %d breaches, want %d: %v", tt.name, len(got), tt.want, got)
		}
	}
}
