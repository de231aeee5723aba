package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

var (
	// ErrUnauthenticated is returned by an Authorize that wants to know who it is first.
	ErrUnauthenticated = errors.New("httpapi: not authenticated")

	// ErrForbidden is returned by an Authorize that knows who it is, and refuses.
	ErrForbidden = errors.New("httpapi: forbidden")
)

var (
	otherOrigin = &Problem{Status: http.StatusForbidden, Code: codeForbidden,
		Detail: "pages of other origins are not answered"}
	elsewhere = &Problem{Status: http.StatusForbidden, Code: codeForbidden,
		Detail: "this node has no API keys, so it answers only programs on its own machine, by the name localhost or 127.0.0.1"}
	unknownCaller = &Problem{Status: http.StatusUnauthorized, Code: codeUnauthenticated,
		Detail: "present a key: Authorization: Bearer KEY"}
)

// authorize says who the caller is, "" for nobody in particular, if he has the permission.
func (a *api) authorize(ctx context.Context, r *http.Request, permission string) (caller string, p *Problem) {
	if len(a.keys) == 0 && a.o.Authorize == nil {
		if !fromHere(r) {
			return "", elsewhere
		}
		return "", nil
	}
	if key := a.keys.find(bearer(r)); key != nil {
		if !key.may[permission] {
			return "", &Problem{Status: http.StatusForbidden, Code: codeForbidden, Detail: "the key may not: " + permission}
		}
		return key.name, nil
	}
	if a.o.Authorize == nil {
		return "", unknownCaller
	}
	switch err := a.ask(r.WithContext(ctx), permission); {
	case err == nil:
		return "", nil
	case errors.Is(err, ErrUnauthenticated):
		return "", unknownCaller
	case errors.Is(err, ErrForbidden):
		return "", &Problem{Status: http.StatusForbidden, Code: codeForbidden, Detail: "not permitted: " + permission}
	default:
		return "", judge(fmt.Errorf("authorize: %w", err))
	}
}

// ask calls the hook. Its panic is an error of its own.
func (a *api) ask(r *http.Request, permission string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("authorize panicked: %v", p)
		}
	}()
	return a.o.Authorize(r, permission)
}

// forwarding are headers by which a proxy on this machine gives away that the caller is
// elsewhere.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// fromHere looks at the address, and at the name that was asked for: a page can let a name
// of its own point to 127.0.0.1, and counts as of the same origin then.
func fromHere(r *http.Request) bool {
	for _, name := range forwarding {
		if len(r.Header.Values(name)) > 0 {
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

// sameOrigin reports whether a request comes from no page, or from one of the origin that
// it is addressed to. What a person types into the browser comes from no page; it may look,
// and nothing else.
func sameOrigin(r *http.Request) bool {
	looks := r.Method == http.MethodGet || r.Method == http.MethodHead
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && (site != "none" || !looks) {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Path != "" || !sameHost(u, r.Host) {
			return false
		}
	}
	return true
}

// sameHost compares without the default port. The scheme at the edge may be another than
// here, since a proxy may end TLS.
func sameHost(origin *url.URL, host string) bool {
	ports := map[string]string{"http": ":80", "https": ":443"}
	port, ok := ports[origin.Scheme]
	plain := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), port) }
	return ok && host != "" && plain(origin.Host) == plain(host)
}
