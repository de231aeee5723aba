package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// ServeHTTP accepts an upgrade and returns: the connection lives on in a
// goroutine of its own. Refusals are 403 (origin, or forbidden), 401, 429 (too
// many from one address), 500 (Authenticate is broken), 503 (full or draining),
// 504 (Authenticate is too slow), and 426 for what is no upgrade.
//
// The server's ReadHeaderTimeout protects against clients that send their
// request slowly; set it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.enter() {
		g.turnAway(w, http.StatusServiceUnavailable, 0)
		return
	}
	s, status, retry := g.admit(r)
	if status != 0 {
		g.sessions.Done()
		g.turnAway(w, status, retry)
		return
	}
	if !g.accept(s, w, r) {
		g.admission.leave(s.address)
		g.sessions.Done()
		g.m.refuse(shookBadly(r))
		return
	}
	g.start(s)
}

// turnAway answers without telling more than the status does, and when it may be
// better.
func (g *Gateway) turnAway(w http.ResponseWriter, status int, retry time.Duration) {
	g.m.refuse(status)
	switch {
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", retryAfter(cmp.Or(retry, 10*time.Second)))
	}
	http.Error(w, http.StatusText(status), status)
}

// admit decides whether a request may become a connection. status is 0 if so.
func (g *Gateway) admit(r *http.Request) (s *session, status int, retry time.Duration) {
	addr := counted(r.RemoteAddr)
	if status := g.admission.enter(addr, time.Now()); status != 0 {
		return nil, status, 0
	}
	defer func() {
		if status != 0 {
			g.admission.leave(addr)
		}
	}()
	if !originAllowed(r, g.o.Origins) {
		return nil, http.StatusForbidden, 0
	}
	s = &session{
		g: g, remote: strings.Clone(r.RemoteAddr), address: addr,
		shard: g.shards[int(g.turn.Add(1))%len(g.shards)], slot: -1,
	}
	s.client.s = s
	if status, retry = s.mayUpgrade(r.Context(), false); status != 0 {
		return nil, status, retry
	}
	var err error
	if s.identity, err = g.authenticate(r); err != nil {
		return nil, statusOf(err), 0
	}
	if at := s.identity.ExpiresAt; !at.IsZero() && !time.Now().Before(at) {
		return nil, http.StatusUnauthorized, 0
	}
	if status, retry = s.mayUpgrade(r.Context(), true); status != 0 {
		return nil, status, retry
	}
	return s, 0, 0
}

// authenticate asks the embedding program, off this goroutine, so that a hook
// that ignores its context can not delay the answer.
func (g *Gateway) authenticate(r *http.Request) (Identity, error) {
	hook := g.o.Authenticate
	if hook == nil || !isUpgrade(r) {
		return Identity{}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.o.HookTimeout)
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	type answer struct {
		identity Identity
		err      error
	}
	answers := make(chan answer, 1)
	go func() { // ends with the hook, whose context ends
		var a answer
		a.err = protect(ctx, func(ctx context.Context) (err error) {
			a.identity, err = hook(ctx, r.WithContext(ctx))
			return err
		})
		answers <- a
	}()
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		a.err = errHookTimeout
	}
	g.noteHook("authenticate", "", a.err)
	return a.identity, a.err
}

// isUpgrade reports whether coder will take the request for an upgrade. Others
// are answered by it, before anybody is asked who they are.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// shookBadly is the status under which a request is counted that coder refused.
func shookBadly(r *http.Request) int {
	if isUpgrade(r) {
		return http.StatusBadRequest
	}
	return http.StatusUpgradeRequired
}

// accept shakes hands. If that fails, the request has been answered.
func (g *Gateway) accept(s *session, w http.ResponseWriter, r *http.Request) bool {
	s.id, s.resumed = rand.Text(), false
	if old := r.URL.Query().Get("session"); old != "" && g.recent.take(old, s.identity.ID) {
		s.id, s.resumed = strings.Clone(old), true
	}
	s.conn = &conn{out: &s.out}
	s.out.conn, s.out.limit = s.conn, g.o.Limits.MaxQueued
	ws, err := websocket.Accept(&hijackWriter{w, s.conn}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin has been checked by our own rule
		Subprotocols:       []string{"troupe"},
	})
	if err != nil {
		if s.resumed {
			g.recent.add(s.id, s.identity.ID)
		}
		return false
	}
	ws.SetReadLimit(-1) // message counts, and reads on for the close frame
	s.ws = ws
	return true
}

// start gives the session its goroutine and its place on the shard, which sends
// the first frame.
func (g *Gateway) start(s *session) {
	g.m.connections.Inc()
	g.m.sessions.Inc()
	if s.resumed {
		g.m.resumed.Inc()
	}
	s.out.lastOut = time.Now().UnixNano()
	s.shard.put(item{kind: itemOpened, session: s, ptr: appendWelcome(nil, s.id, g.node.ID(), s.resumed)})
	switch draining, closed := g.state(); { // Drain and Close may not have seen it
	case closed:
		s.cut()
	case draining:
		s.shut(CloseGoingAway, "node is going away")
	}
	go s.run() // ends with the connection; g.sessions waits for it
}
