package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/troupe-rt/troupe"

// sourceFile is one Go file of the module.
type sourceFile struct {
	name string // path in the module
	dir  string // of its package
	test bool
	ast  *ast.File
	fset *token.FileSet
}

// imports returns the paths that the file imports.
func (f *sourceFile) imports() []string {
	paths := make([]string, len(f.ast.Imports))
	for i, spec := range f.ast.Imports {
		paths[i], _ = strconv.Unquote(spec.Path.Value)
	}
	return paths
}

// local returns the name under which the file knows an import, "" if it does
// not import it.
func (f *sourceFile) local(importPath string) string {
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == importPath {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(p)
		}
	}
	return ""
}

func (f *sourceFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.fset.Position(n.Pos()).Line)
}

// parseModule reads every Go file of the module, of all build tags; not what
// lies in testdata or in a module of its own.
func parseModule(module fs.FS) ([]*sourceFile, error) {
	var files []*sourceFile
	fset := token.NewFileSet()
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, own := fs.Stat(module, path.Join(name, "go.mod"))
			if name != "." && (own == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, &sourceFile{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), parsed, fset})
		return nil
	})
	return files, err
}

// ownModule is the module that this test belongs to.
func ownModule(t *testing.T) []*sourceFile {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := parseModule(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d files found", len(files))
	}
	return files
}
