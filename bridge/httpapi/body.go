package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"

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
		return wrongAt(meaning.JSONPointer, "is not a field of this call")
	case errors.As(err, &meaning):
		return wrongAt(meaning.JSONPointer, "must be "+wanted(meaning.GoType))
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return wrongAt(syntax.JSONPointer, "is there twice")
	}
	return wrong("", "the body must be one JSON value in UTF-8")
}

// wrongAt names a field by where it is: 3.topic for /3/topic.
func wrongAt(p jsontext.Pointer, rule string) *Problem {
	var parts []string
	for part := range p.Tokens() {
		parts = append(parts, clip(part))
		if len(parts) == maxParts {
			break
		}
	}
	if len(parts) == 0 {
		return wrong("", "the body "+rule)
	}
	return wrong(strings.Join(parts, "."), rule)
}

const maxParts = 4

// wanted names what a field takes.
func wanted(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "of another type"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
