package inspect

import (
	"embed"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

//go:embed page.html style.css
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"ago": ago, "span": span, "clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).ParseFS(files, "page.html"))

const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves everything under /debug/.
func Handler(s Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/{$}", func(w http.ResponseWriter, _ *http.Request) { servePage(w, s) })
	mux.HandleFunc("/debug/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "style.css")
	})
	mux.HandleFunc("/debug/members", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct {
			Node    Node     `json:"node"`
			Members []Member `json:"members"`
		}{s.Node(), orEmpty(s.Members())})
	})
	mux.HandleFunc("/debug/health", func(w http.ResponseWriter, _ *http.Request) {
		all := s.Backends()
		all.Backends = orEmpty(all.Backends)
		answer(w, struct {
			Node Node `json:"node"`
			Backends
		}{s.Node(), all})
	})
	mux.HandleFunc("/debug/topics", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Topics()) })
	return guard(mux)
}

func servePage(w http.ResponseWriter, s Source) {
	var b strings.Builder
	err := page.Execute(&b, struct {
		Node     Node
		Members  []Member
		Backends Backends
		Topics   Topics
	}{s.Node(), s.Members(), s.Backends(), s.Topics()})
	if err != nil {
		http.Error(w, "the page can not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Refresh", "5")
	_, _ = w.Write([]byte(b.String())) // the caller is gone: nobody is left to tell
}

func answer(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "can not be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// guard lets in who calls from this machine, and sets what every answer has.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		switch {
		case !fromHere(r):
			http.Error(w, "The inspector answers only on the node's own machine: curl http://127.0.0.1:PORT/debug/members", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// forwarding are headers by which a proxy on this machine gives away that the
// caller is elsewhere.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// fromHere looks at the address, and at the name that was asked for: a page can
// let a name of its own point to 127.0.0.1.
func fromHere(r *http.Request) bool {
	for _, name := range forwarding {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// ago writes how long something has been, span how long it takes.
func ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return max(time.Since(t), 0).Round(time.Second).String()
}

func span(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}
