package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// api is the handler. It holds nothing but what it was given, and no goroutine.
type api struct {
	o       Options
	keys    keyring
	node    Node
	mux     *http.ServeMux
	metrics *metrics
}

// New returns the handler of everything under /api/v1/. It ends with the node: afterwards
// it answers 503. The error joins everything that is wrong with the options.
//
// An http.ServeMux in front of it redirects paths with an empty part, such as that of a key
// "", to what they do not mean; the handler itself refuses them.
func New(node Node, o Options) (http.Handler, error) {
	o = o.withDefaults()
	if err := o.faults(); err != nil {
		return nil, err
	}
	a := &api{o: o, keys: newKeyring(o.Keys), node: node, mux: http.NewServeMux(), metrics: newMetrics(o.Registerer)}
	for path, methods := range table {
		a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { a.dispatch(w, r, methods) })
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.finish(w, time.Now(), noCall, nil, missing("there is no such call; names in a path are URL-encoded"))
	})
	return a, nil
}

const noCall = "none"

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Body != nil && r.Body != http.NoBody {
		// Else who sends his body slowly, or not at all, would hold the connection even
		// after he was refused: the server reads what is left before it answers. The server
		// takes the deadline back; a connection that knows none is not a real one.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.o.Timeout))
	}
	switch {
	case !sameOrigin(r):
		a.finish(w, time.Now(), noCall, nil, otherOrigin)
	case r.Method == http.MethodConnect || !plainPath(r.URL.EscapedPath()):
		a.finish(w, time.Now(), noCall, nil, missing("there is no such call; no part of a path may be empty"))
	default:
		a.mux.ServeHTTP(w, r)
	}
}

// plainPath refuses what the mux would redirect: whoever follows that asks for something
// else, perhaps by another method.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// A call is one request on its way.
type call struct {
	*api
	ctx    context.Context
	w      http.ResponseWriter
	r      *http.Request
	caller string // name of the key, "" for who has none
}

func (a *api) dispatch(w http.ResponseWriter, r *http.Request, methods methods) {
	began := time.Now()
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	action, ok := methods[method]
	if !ok {
		w.Header().Set("Allow", methods.allowed())
		a.finish(w, began, noCall, nil, &Problem{Status: http.StatusMethodNotAllowed, Code: codeMethod,
			Detail: "this path takes " + methods.allowed()})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.o.Timeout)
	defer cancel()
	answer, err := a.run(&call{api: a, ctx: ctx, w: w, r: r}, action)
	a.finish(w, began, action.name, answer, err)
}

// run does what is asked, if it may be. A panic costs this call.
func (a *api) run(c *call, action action) (answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v\n%s", p, debug.Stack())
		}
	}()
	caller, refused := a.authorize(c.ctx, c.r, action.may)
	if refused != nil {
		return nil, refused
	}
	c.caller = caller
	if err := c.checkQuery(action.query); err != nil {
		return nil, err
	}
	return action.do(c)
}

// finish answers, and counts it. An answer of nil has no body.
func (a *api) finish(w http.ResponseWriter, began time.Time, name string, answer any, err error) {
	status, kind := http.StatusOK, "application/json"
	if err != nil {
		p := a.explain(w, name, err)
		status, kind, answer = p.Status, "application/problem+json", p
	}
	var body []byte
	if answer != nil {
		if body, err = encode(answer); err != nil {
			a.o.Logger.Error("answer can not be encoded", "call", name, "err", err)
			status = http.StatusInternalServerError
		}
	}
	if answer == nil {
		status = http.StatusNoContent
	} else {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller is gone: nobody is left to tell
	a.metrics.done(name, status, time.Since(began))
}

// explain makes a problem of an error, with what the status needs in the header.
func (a *api) explain(w http.ResponseWriter, name string, err error) *Problem {
	p := *judge(err)
	p.Title = http.StatusText(p.Status)
	if p.cause != nil {
		a.o.Logger.Error("call of the API failed", "call", name, "err", p.cause)
	}
	if p.RetryAfterMS > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt((p.RetryAfterMS+999)/1000, 10))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	return &p
}

// encode writes data as it was published, but for spaces: what duplicate names and lone
// surrogates in it mean is not for this package to say.
func encode(answer any) ([]byte, error) {
	body, err := json.Marshal(answer, json.Deterministic(true), jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))
	if err != nil {
		return nil, err
	}
	return append(body, '\n'), nil
}
