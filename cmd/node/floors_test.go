package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// A storey is a package, or all packages below it if it ends in a slash, with
// its floor and the reason why it stands there.
type storey struct {
	dir   string
	floor int
	why   string
}

// house is design.md §1; a longer name wins.
var house = []storey{
	{"actors", 0, "what all actors share knows no word of the domain"},
	{"actors/breaker", 0, "a breaker watches any backend, whatever stands on it"},
	{"actors/ratelimit", 2, "a limit is of the domain, though it lies in actors"},
	{"topic", 1, "topics define their ports and know neither storage nor clients"},
	{"topic/roster", 1, "what presence and groups are made of reaches receivers as a topic does"},
	{"topic/public", 1, "what of a user may be shown is decided once, for presence, cursors and groups"},
	{"presence", 2, "presence reaches receivers through a topic"},
	{"cursor", 2, "cursors reach receivers through a topic"},
	{"group", 2, "groups reach receivers through a topic"},
	{"persistence/redisconn", 2, "the one way to Redis, for the store, the bus and the leases; it knows nothing of them"},
	{"persistence/redisconn/", 2, "the one way to Redis, for the store, the bus and the leases; it knows nothing of them"},
	{"persistence/pgdb", 2, "the one way to Postgres, for stores, bus, leases and bridges; it knows nothing of them"},
	{"persistence/pgdb/", 2, "the one way to Postgres, for stores, bus, leases and bridges; it knows nothing of them"},
	{"persistence/pgdb/pgtest", 3, "tests start servers with it, by what else is there for Postgres"},
	{"persistence/proctest", 0, "tests of every floor start servers with it; it knows none of them"},
	{"cluster/lease", 2, "who lives and who cleans up is decided without a backend"},
	{"persistence/", 3, "a store implements a port of the domain and is replaceable"},
	{"cluster/", 3, "moving frames between nodes needs nothing of the node"},
	{"bridge/", 3, "a bridge connects the domain to the outside and is replaceable"},
	{"cluster", 4, "the node wires the floors below it and does nothing else"},
	{"cmd/", 5, "a command is configuration for the node; nothing may depend on it"},
	{"bench/", 5, "benchmarks measure whole paths; nothing may depend on them"},
	{"bench", 5, "benchmarks measure whole paths; nothing may depend on them"},
}

func floorOf(dir string) (best storey, ok bool) {
	for _, s := range house {
		fits := s.dir == dir || strings.HasSuffix(s.dir, "/") && strings.HasPrefix(dir, s.dir)
		if fits && len(s.dir) > len(best.dir) {
			best, ok = s, true
		}
	}
	return best, ok
}

// A room is where a third-party package may be imported.
type room struct {
	module string
	in     []string // packages; with a slash at the end those below; "metrics.go" for files of that name; "_test.go" for tests
	why    string
}

var rooms = []room{
	{"github.com/asynkron/protoactor-go", []string{"actors"}, "its traps are dealt with in one place, and it may be replaced there"},
	{"github.com/cenkalti/backoff", []string{"actors", "actors/", "bridge/", "persistence/", "cluster/", "cmd/", "bench/"}, "topics decide without a clock"},
	{"github.com/coder/websocket", []string{"bridge/gateway", "bridge/gateway/", "_test.go"}, "only the gateway speaks WebSocket"},
	{"github.com/redis/go-redis", []string{"persistence/redisconn", "persistence/redisconn/", "persistence/redisstore", "cluster/redisbus", "cluster/redislease", "cmd/node/doctor", "bench/", "_test.go"}, "Redis is one of several backends"},
	{"github.com/jackc/pgx", []string{"persistence/pgdb", "persistence/pgdb/", "persistence/pgstore", "cluster/pgbus", "cluster/pglease", "bridge/pgnotify", "bridge/outbox", "cmd/node/doctor", "bench/", "_test.go"}, "Postgres is one of several backends"},
	{"github.com/golang-jwt/jwt", []string{"bridge/jwtauth", "_test.go"}, "only jwtauth believes tokens"},
	{"github.com/MicahParks/", []string{"bridge/jwtauth", "_test.go"}, "only jwtauth fetches keys"},
	{"github.com/prometheus/", []string{"metrics.go", "_test.go", "bench/"}, "what a package counts is read in one file; elsewhere only the type prometheus.Registerer"},
	{"github.com/alecthomas/kong", []string{"cmd/", "bench", "bench/"}, "only commands have a command line"},
	{"github.com/goccy/go-yaml", []string{"cmd/"}, "only commands read files"},
	{"github.com/go-json-experiment/json", []string{"bridge/", "cmd/"}, "only what clients write needs a parser that is strict and streams"},
	{"golang.org/x/sys", []string{"bridge/gateway", "cmd/", "bench", "bench/", "_test.go"}, "calls of the system belong to sockets and processes"},
	{"golang.org/x/time", []string{"bridge/", "actors/", "bench", "bench/"}, "topics decide without a clock"},
	{"golang.org/x/sync", []string{"persistence/", "bridge/", "cluster/", "cmd/", "bench", "bench/", "_test.go"}, "an actor needs no locks and no groups"},
	{"github.com/chromedp/", []string{"_test.go"}, "a browser is for tests"},
	{"go.uber.org/goleak", []string{"_test.go"}, "it is for tests"},
	{"github.com/anishathalye/porcupine", []string{"_test.go"}, "it is for tests"},
	{"pgregory.net/rapid", []string{"_test.go", "persistence/storetest", "cluster/bustest"}, "it is for tests"},
}

func (r room) admits(f *sourceFile) bool {
	return slices.ContainsFunc(r.in, func(in string) bool {
		return in == f.dir || strings.HasSuffix(in, "/") && strings.HasPrefix(f.dir, in) ||
			in == "_test.go" && f.test || in == "metrics.go" && strings.HasSuffix(f.name, "/metrics.go")
	})
}

// TestFloors keeps the house of design.md §1: imports only go down, third-party
// packages stay in their rooms, and nobody outside sees protoactor.
func TestFloors(t *testing.T) {
	t.Parallel()
	for _, fault := range floorFaults(ownModule(t)) {
		t.Error(fault)
	}
}

func floorFaults(files []*sourceFile) []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	homeless := map[string]bool{}
	for _, f := range files {
		own, ok := floorOf(f.dir)
		if !ok && !homeless[f.dir] {
			homeless[f.dir] = true
			add("%s has no floor: give it one in design.md §1 and in this test", f.dir)
		}
		for _, imported := range f.imports() {
			if dir, inside := strings.CutPrefix(imported, modulePath+"/"); inside {
				checkFloor(f, own, dir, add)
			} else if strings.Contains(strings.Split(imported, "/")[0], ".") {
				checkRoom(f, imported, add)
			}
		}
		checkExported(f, add)
	}
	return faults
}

// checkFloor lets tests look up: a test of a package in another package may
// use what stands on it, as the suite of the stores does.
func checkFloor(f *sourceFile, own storey, dir string, add func(string, ...any)) {
	below, ok := floorOf(dir)
	if !ok || f.test {
		return
	}
	family := strings.HasPrefix(f.dir+"/", dir+"/") || strings.HasPrefix(dir+"/", f.dir+"/") ||
		own.dir == below.dir && own.floor == 5
	if below.floor > own.floor || below.floor == own.floor && !family && f.dir != dir {
		add("%s (floor %d) imports %s (floor %d); imports only go down: %s", f.name, own.floor, dir, below.floor, below.why)
	}
}

func checkRoom(f *sourceFile, imported string, add func(string, ...any)) {
	for _, r := range rooms {
		if imported != r.module && !strings.HasPrefix(imported, strings.TrimSuffix(r.module, "/")+"/") {
			continue
		}
		if !r.admits(f) && !onlyRegisterer(f, imported) {
			add("%s imports %s, whose room is %s: %s", f.name, imported, strings.Join(r.in, ", "), r.why)
		}
		return
	}
	add("%s imports %s, which has no room: give it one in this test and say why", f.name, imported)
}

const prometheusPath = "github.com/prometheus/client_golang/prometheus"

// onlyRegisterer reports whether all that the file uses of prometheus is the
// type with which an embedder hands its registry over.
func onlyRegisterer(f *sourceFile, imported string) bool {
	if imported != prometheusPath {
		return false
	}
	local, fine := f.local(imported), true
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && isIdent(sel.X, local) && sel.Sel.Name != "Registerer" {
			fine = false
		}
		return true
	})
	return fine
}

// checkExported finds protoactor's types in what an embedder can see.
func checkExported(f *sourceFile, add func(string, ...any)) {
	for _, imported := range f.imports() {
		if f.test || !strings.HasPrefix(imported, "github.com/asynkron/protoactor-go") {
			continue
		}
		local := f.local(imported)
		for _, decl := range f.ast.Decls {
			for _, seen := range exportedTypes(decl) {
				ast.Inspect(seen, func(n ast.Node) bool {
					if sel, ok := n.(*ast.SelectorExpr); ok && isIdent(sel.X, local) {
						add("%s shows %s.%s to embedders: protoactor must stay replaceable", f.at(sel), local, sel.Sel.Name)
					}
					return true
				})
			}
		}
	}
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// exportedTypes returns the type expressions that a declaration shows outside
// of its package.
func exportedTypes(decl ast.Decl) []ast.Node {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
			return []ast.Node{d.Type}
		}
	case *ast.GenDecl:
		var seen []ast.Node
		for _, spec := range d.Specs {
			seen = append(seen, exportedSpec(spec)...)
		}
		return seen
	}
	return nil
}

func receiverExported(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.IsExported()
		default:
			return false
		}
	}
}

func exportedSpec(spec ast.Spec) []ast.Node {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
			return []ast.Node{s.Type}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return nil
		}
		st, ok := s.Type.(*ast.StructType)
		if !ok {
			return []ast.Node{s.Type}
		}
		var seen []ast.Node
		for _, field := range st.Fields.List {
			if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
				seen = append(seen, field.Type)
			}
		}
		return seen
	}
	return nil
}
