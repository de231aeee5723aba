package settings

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFile is the greatest size of a configuration file, in bytes.
const MaxFile = 128 * KiB

// maxDepth is far beyond what any setting needs. It bounds the parser's
// recursion, so it is checked before parsing.
const maxDepth = 64

type kind uint8

const (
	kindNull kind = iota
	kindScalar
	kindList
	kindObject
)

func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a group of settings"}[k]
}

// A value is a piece of the file with its place. Aliases share values, so the
// tree is never larger than the file.
type value struct {
	kind   kind
	text   string // of a scalar, as written
	items  []*value
	fields []member
	at     place
}

type member struct {
	key   string
	at    place
	value *value
}

type place struct{ line, column int }

// A syntaxError is what the YAML parser said, and where.
type syntaxError struct {
	at  place
	err error
}

// parse makes a tree of the file; nil if it is empty.
func parse(text []byte) (v *value, fault *syntaxError) {
	if err := presentable(text); err != nil {
		return nil, &syntaxError{err: err}
	}
	// The parser is not ours; hostile bytes must not take the node down.
	defer func() {
		if p := recover(); p != nil {
			v, fault = nil, &syntaxError{err: errors.New("is not YAML")}
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, explain(err)
	}
	b := builder{anchors: map[string]*value{}}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if v != nil {
			return nil, &syntaxError{placeOf(doc.Body.GetToken()), errors.New("must be one YAML document")}
		}
		if v = b.build(doc.Body); b.fault != nil {
			return nil, b.fault
		}
	}
	return v, nil
}

var errDeep = fmt.Errorf("is nested deeper than %d levels", maxDepth)

// presentable refuses what would take the parser long, or deep: brackets within
// brackets, and "- - -", which is a list in a list in a list.
func presentable(text []byte) error {
	if len(text) > int(MaxFile) {
		return fmt.Errorf("is larger than %s", MaxFile)
	}
	if !utf8.Valid(text) {
		return errors.New("is not UTF-8 text")
	}
	depth := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxDepth {
			return errDeep
		}
	}
	for line := range bytes.Lines(text) {
		if levels := len(line) - len(bytes.TrimLeft(line, " -?")); levels > 4*maxDepth {
			return errDeep
		}
	}
	return nil
}

// explain keeps the message and the place, and leaves out the parser's own
// excerpt: lines around a mistake may hold a secret.
func explain(err error) *syntaxError {
	var at place
	var said yaml.Error
	if errors.As(err, &said) {
		if tk := said.GetToken(); tk != nil {
			at = placeOf(tk)
		}
		return &syntaxError{at, errors.New(said.GetMessage())}
	}
	return &syntaxError{err: errors.New("is not YAML")}
}

func placeOf(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{}
	}
	return place{tk.Position.Line, tk.Position.Column}
}

type builder struct {
	anchors map[string]*value
	fault   *syntaxError
}

func (b *builder) fail(n ast.Node, format string, args ...any) *value {
	if b.fault == nil {
		b.fault = &syntaxError{placeOf(n.GetToken()), fmt.Errorf(format, args...)}
	}
	return &value{}
}

func (b *builder) build(n ast.Node) *value {
	at := placeOf(n.GetToken())
	switch n := n.(type) {
	case *ast.NullNode:
		return &value{at: at}
	case *ast.StringNode:
		return &value{kind: kindScalar, text: n.Value, at: at}
	case *ast.LiteralNode:
		return &value{kind: kindScalar, text: n.Value.Value, at: at}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return &value{kind: kindScalar, text: n.GetToken().Value, at: at}
	case *ast.MappingNode:
		return b.object(n, n.Values)
	case *ast.MappingValueNode:
		return b.object(n, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		v := &value{kind: kindList, at: at}
		for _, item := range n.Values {
			v.items = append(v.items, b.build(item))
		}
		return v
	case *ast.AnchorNode:
		v := b.build(n.Value)
		b.anchors[n.Name.GetToken().Value] = v
		return v
	case *ast.AliasNode:
		if v := b.anchors[n.Value.GetToken().Value]; v != nil {
			return v
		}
		return b.fail(n, "alias %q has no anchor before it", clip(n.Value.GetToken().Value))
	default:
		return b.fail(n, "%s is not used in this file", n.Type())
	}
}

func (b *builder) object(n ast.Node, values []*ast.MappingValueNode) *value {
	v := &value{kind: kindObject, at: placeOf(n.GetToken())}
	seen := map[string]bool{}
	for i, mv := range values {
		key, ok := mv.Key.(*ast.StringNode)
		if !ok {
			return b.fail(mv.Key, "a setting's name must be plain text")
		}
		at := placeOf(key.GetToken())
		if i == 0 {
			v.at = at
		}
		if seen[key.Value] {
			return b.fail(mv.Key, "%q is given twice", clip(key.Value))
		}
		seen[key.Value] = true
		v.fields = append(v.fields, member{key.Value, at, b.build(mv.Value)})
	}
	return v
}
