package public

import (
	"encoding/json"
	"unicode/utf8"
)

// MaxDepth is how deep objects and lists may be nested.
const MaxDepth = 256

// Strip returns the data without what must not be shown: the members of objects, at
// every depth, whose name begins with "__", is remoteAddress, or has one of token, secret,
// password, auth, session, cookie, jwt and credential in it, in capitals or not. The
// rest is as it was, to the byte. Without any such member the result is data itself.
//
// Data that is not JSON in UTF-8, or nested deeper than MaxDepth, gives null.
func Strip(data json.RawMessage) json.RawMessage { return cut(data, nil) }

// Pick is Strip for an object of which only the members with one of the names are to be
// shown. Names are compared exactly. Other JSON than an object gives null.
func Pick(data json.RawMessage, names []string) json.RawMessage {
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	return cut(data, wanted)
}

// cut strips data, which with names must be an object.
func cut(data []byte, names map[string]bool) json.RawMessage {
	if !utf8.Valid(data) || !json.Valid(data) {
		return json.RawMessage("null")
	}
	c := cutter{in: data}
	c.space()
	if names != nil && data[c.at] != '{' {
		return json.RawMessage("null")
	}
	c.value(names, 0)
	if c.deep {
		return json.RawMessage("null")
	}
	return c.rest()
}

// A cutter walks over valid JSON and copies what is to stay, once something is not.
type cutter struct {
	in   []byte
	at   int
	out  []byte
	from int  // what of in is not yet in out, and not cut, begins here
	deep bool // nested too deep; what is done does not matter any more
}

// drop cuts in[from:to] out. Calls come in the order of in.
func (c *cutter) drop(from, to int) {
	if c.out == nil {
		c.out = make([]byte, 0, len(c.in))
	}
	c.out = append(c.out, c.in[c.from:from]...)
	c.from = to
}

func (c *cutter) rest() []byte {
	if c.out == nil {
		return c.in
	}
	return append(c.out, c.in[c.from:]...)
}

// value walks over a value. Only of an object itself do names decide.
func (c *cutter) value(names map[string]bool, depth int) {
	if c.deep = c.deep || depth > MaxDepth; c.deep {
		return
	}
	c.space()
	switch c.in[c.at] {
	case '{':
		c.object(names, depth)
	case '[':
		c.list(depth)
	default:
		c.scalar()
	}
}

func (c *cutter) object(names map[string]bool, depth int) {
	kept := 0
	for c.at++; !c.deep; {
		from := c.at // behind the brace, or at a comma
		if c.in[c.at] == ',' {
			c.at++
		}
		if c.space(); c.in[c.at] == '}' {
			break
		}
		name := c.name()
		stays := !Secret(name) && (names == nil || names[name])
		if stays && kept == 0 && c.in[from] == ',' {
			c.drop(from, from+1) // all before it are gone
		}
		if stays {
			kept++
			c.value(nil, depth+1)
		} else {
			c.skip()
			c.drop(from, c.at)
		}
		c.space()
	}
	c.at++
}

func (c *cutter) list(depth int) {
	c.at++
	for c.space(); !c.deep && c.in[c.at] != ']'; c.space() {
		if c.in[c.at] == ',' {
			c.at++
		}
		c.value(nil, depth+1)
	}
	c.at++
}

// name reads the name of a member, and its colon.
func (c *cutter) name() string {
	from, plain := c.at, true
	for c.at++; c.in[c.at] != '"'; c.at++ {
		if c.in[c.at] == '\\' {
			plain = false
			c.at++
		}
	}
	c.at++
	text := c.in[from:c.at]
	c.space()
	c.at++ // the colon
	if plain {
		return string(text[1 : len(text)-1])
	}
	var name string
	_ = json.Unmarshal(text, &name) // it is valid
	return name
}

// skip walks over a value that is not looked at.
func (c *cutter) skip() {
	c.space()
	for open := 0; ; {
		switch c.in[c.at] {
		case '{', '[':
			open++
			c.at++
		case '}', ']':
			open--
			c.at++
		case ',', ':', ' ', '\t', '\n', '\r':
			c.at++
			continue
		default:
			c.scalar()
		}
		if open == 0 {
			return
		}
	}
}

func (c *cutter) scalar() {
	if c.in[c.at] == '"' {
		for c.at++; c.in[c.at] != '"'; c.at++ {
			if c.in[c.at] == '\\' {
				c.at++
			}
		}
		c.at++
		return
	}
	for c.at < len(c.in) && !delimits(c.in[c.at]) {
		c.at++
	}
}

func (c *cutter) space() {
	for c.at < len(c.in) && (c.in[c.at] == ' ' || c.in[c.at] == '\n' || c.in[c.at] == '\t' || c.in[c.at] == '\r') {
		c.at++
	}
}

func delimits(b byte) bool {
	switch b {
	case ',', ':', '}', ']', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}
