package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a body, in bytes.
const (
	maxBody    = 64 << 10
	maxPublish = 1 << 20
)

// read returns the body, nil if there is none. It is JSON, or the caller says so.
func (c *call) read(limit int64) ([]byte, error) {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return nil, nil
	}
	// A caller who sends slower than the deadline holds the connection no longer than it.
	// What can not be told a deadline, such as a recorder in a test, does not block either.
	control := http.NewResponseController(c.w)
	if deadline, ok := c.ctx.Deadline(); ok && control.SetReadDeadline(deadline) == nil {
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded), c.ctx.Err() != nil:
		return nil, &Problem{Status: http.StatusRequestTimeout, Code: codeTimeout, Detail: "the body did not arrive in time"}
	case err != nil:
		return nil, wrong("", "the body could not be read to its end")
	case len(body) == 0:
		return nil, nil
	}
	return body, checkType(c.r)
}

func tooLarge(limit int64) *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge,
		Detail: "the body must be at most " + size(limit)}
}

func size(limit int64) string {
	if limit >= 1<<20 {
		return "1 MiB"
	}
	return "64 KiB"
}

func checkType(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	coded := r.Header.Get("Content-Encoding")
	if err == nil && kind == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8")) &&
		(coded == "" || strings.EqualFold(coded, "identity")) {
		return nil
	}
	return &Problem{Status: http.StatusUnsupportedMediaType, Code: codeMediaType,
		Detail: "the body must be JSON in UTF-8, not encoded, and say so: Content-Type: application/json (curl --json)"}
}

// decode reads the body into a struct. Of a body that is absent nothing is read.
func (c *call) decode(into any) error {
	body, err := c.read(maxBody)
	if err != nil || body == nil {
		return err
	}
	return parse(body, into)
}

// parse refuses what it does not understand: other fields, other types, a name twice.
func parse(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	var meaning *json.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &meaning) && errors.Is(err, json.ErrUnknownName):
		return wrong(fieldAt(meaning.JSONPointer), "is not a field of this call")
	case errors.As(err, &meaning):
		return wrong(fieldAt(meaning.JSONPointer), "must not be "+kindName(meaning.JSONKind)+wanted(meaning))
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return wrong(fieldAt(syntax.JSONPointer), "is there twice")
	}
	return wrong("", "the body must be one JSON value in UTF-8")
}

// fieldAt writes a JSON pointer as people write a field: 3.topic for /3/topic.
func fieldAt(p jsontext.Pointer) string {
	var parts []string
	for part := range p.Tokens() {
		parts = append(parts, clip(part))
		if len(parts) == 4 {
			break
		}
	}
	return strings.Join(parts, ".")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a text"
	case '0':
		return "this number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "this"
}

// wanted says what a value had to be instead.
func wanted(e *json.SemanticError) string {
	if e.GoType == nil {
		return ""
	}
	switch kind := e.GoType.Kind().String(); kind {
	case "int", "int64", "uint64":
		return ", but a whole number"
	case "string":
		return ", but a text"
	case "slice":
		return ", but a list"
	case "struct", "map":
		return ", but an object"
	}
	return ""
}
