package main

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cmd/node/inspect"
	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/cmd/node/web"
)

// handler is every path of the node. Paths it does not know are the page's to
// refuse.
func (s *server) handler(loopbackOnly bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /ws", s.socket(loopbackOnly))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.Handle("/debug/", inspect.Handler(s))
	mux.Handle("/", web.Handler(s.stats))
	if loopbackOnly {
		return onlyLoopbackNames(s.withAPI(mux))
	}
	return s.withAPI(mux)
}

// socket is the gateway. A node that asks nobody who they are looks at who they say
// they are.
func (s *server) socket(asksNobody bool) http.Handler {
	if !asksNobody {
		return s.gateway
	}
	return s.beside.admit(checkClaims(s.gateway))
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if why := s.unready(); why != "" {
		say(w, http.StatusServiceUnavailable, why+"\n")
		return
	}
	say(w, http.StatusOK, "ready\n")
}

// unready says why the node should get no new clients, "" if it should.
func (s *server) unready() string {
	if s.draining.Load() {
		return "draining"
	}
	for _, b := range s.node.Health() {
		if b.State != breaker.Healthy.String() {
			return b.Backend + " is down"
		}
	}
	return ""
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone: nobody is left to tell
}

// onlyLoopbackNames keeps web pages from reaching an unauthenticated node by a
// name of their own that they let point to 127.0.0.1 (DNS rebinding): their
// requests then count as of the same origin, but the Host header gives them away.
func onlyLoopbackNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !settings.IsLoopback(host) {
			say(w, http.StatusMisdirectedRequest,
				"This node asks nobody who they are, so it answers only to localhost, 127.0.0.1 and [::1].\n"+
					"To reach it by another name, configure auth.jwt.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// stats are the figures on the page.
func (s *server) stats() web.Stats {
	totals := s.metrics.totals("troupe_topic_published_total", "troupe_gateway_deliveries_total", "troupe_gateway_connections")
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return web.Stats{
		Node:          s.node.ID(),
		Backend:       s.backendKind(),
		Members:       len(s.node.Members()),
		Nodes:         s.beside.addresses(),
		Version:       version(),
		Connections:   int(totals["troupe_gateway_connections"]),
		Topics:        s.node.Topics().Len(),
		UptimeSeconds: time.Since(s.began).Seconds(),
		Published:     uint64(totals["troupe_topic_published_total"]),
		Delivered:     uint64(totals["troupe_gateway_deliveries_total"]),
		Goroutines:    runtime.NumGoroutine(),
		HeapBytes:     mem.HeapAlloc,
	}
}

// backendKind is what anybody may know: not where the backend is.
func (s *server) backendKind() string {
	switch {
	case s.redis != "":
		return settings.StoreRedis
	case s.postgres != "":
		return settings.StorePostgres
	}
	return ""
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
