package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"path"
	"strconv"
	"time"
)

//go:embed index.html troupe.js assets
var files embed.FS

// policy lets the page load and reach only what its own node serves, and
// nothing written into the page itself. The page of a node on this machine may also
// connect to other nodes there, for when its own has gone.
const (
	policy      = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
	localPolicy = policy + "; connect-src 'self' ws://127.0.0.1:* ws://localhost:*"
)

func policyFor(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return localPolicy
	}
	return policy
}

// A Stats is what a node tells about itself at /stats.
type Stats struct {
	Node          string   `json:"node"`            // the node's name
	Version       string   `json:"version"`         // of the program
	Backend       string   `json:"backend"`         // "redis" or "postgres" if that makes it one of a cluster, "" in memory
	Members       int      `json:"members"`         // nodes of the cluster, itself among them
	Nodes         []string `json:"nodes,omitempty"` // URLs of the others that pages may go to when this node has gone
	Connections   int      `json:"connections"`     // open now
	Topics        int      `json:"topics"`          // whose actor is in memory now
	UptimeSeconds float64  `json:"uptimeSeconds"`   // since the start
	Published     uint64   `json:"published"`       // events taken since the start
	Delivered     uint64   `json:"delivered"`       // events handed to receivers since the start
	Goroutines    int      `json:"goroutines"`      // now
	HeapBytes     uint64   `json:"heapBytes"`       // in use now
}

// Handler serves the page, the client and the figures. It calls stats for each
// request of /stats, from many goroutines at once; stats must return quickly.
func Handler(stats func() Stats) http.Handler {
	mux := http.NewServeMux()
	for name, f := range load() {
		mux.Handle(name, f)
	}
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) { serveStats(w, stats()) })
	return guard(mux)
}

// guard refuses methods that change something, and sets what every answer has.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyFor(r.Host))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func serveStats(w http.ResponseWriter, s Stats) {
	body, err := json.Marshal(s)
	if err != nil { // an uptime that is not a number
		http.Error(w, "figures can not be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the caller is gone: nobody is left to tell
}

// A file is one embedded file with what its answers need, made once.
type file struct {
	name string
	kind string
	tag  string
	body []byte
}

// ServeHTTP lets browsers keep the file and ask each time whether it changed,
// so that a node of a newer version never runs with an older page.
func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
}

// load returns the embedded files by the pattern they are served under. They
// are part of the program: one that can not be read is a fault of the build.
func load() map[string]file {
	served := map[string]file{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		pattern := "/" + name
		if name == "index.html" {
			pattern = "/{$}"
		}
		served[pattern] = file{name: name, kind: kind(name), tag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
		return nil
	})
	if err != nil {
		panic("web: embedded files: " + err.Error())
	}
	return served
}

// kind does not ask the machine's own table for the types it knows, which on
// some machines calls JavaScript plain text.
func kind(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}
