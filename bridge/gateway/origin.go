package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkOrigin tells what is wrong with an entry of Options.Origins.
func checkOrigin(s string) error {
	if s == "*" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("%q must read scheme://host or scheme://host:port, or be *", s)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q must end after the host or port", s)
	}
	return nil
}

// originAllowed decides whether the page that sent a request may connect. A
// request without Origin does not come from a page.
func originAllowed(r *http.Request, allowed []string) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	for _, a := range allowed {
		if a == "*" {
			return true
		}
	}
	got, ok := parseOrigin(values[0])
	if !ok {
		return false
	}
	if len(allowed) == 0 {
		// The scheme at the edge may be another than here (a proxy ends TLS), so
		// each default port fits.
		return r.Host != "" && (got == parsedHost("http", r.Host) || got == parsedHost("https", r.Host))
	}
	for _, a := range allowed {
		if want, ok := parseOrigin(a); ok && want == got {
			return true
		}
	}
	return false
}

// origin is a normalised one: lower case, without default port.
type origin struct{ scheme, host string }

func parseOrigin(s string) (origin, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.User != nil {
		return origin{}, false
	}
	return parsedHost(u.Scheme, u.Host), true
}

func parsedHost(scheme, host string) origin {
	o := origin{strings.ToLower(scheme), strings.ToLower(host)}
	switch o.scheme {
	case "http", "ws":
		o.host = strings.TrimSuffix(o.host, ":80")
	case "https", "wss":
		o.host = strings.TrimSuffix(o.host, ":443")
	}
	return o
}
