package jwtauth

import (
	"net/http"
	"strings"
)

// MaxToken is the length of the longest token that is looked at, in bytes.
const MaxToken = 8 << 10

const (
	subprotocol       = "troupe"
	subprotocolPrefix = "bearer."
)

// find returns the token that came with a request.
func find(r *http.Request, cookie string) (string, error) {
	token, err := fromAuthorization(r.Header.Values("Authorization"))
	if token == "" && err == nil {
		token, err = fromSubprotocols(r.Header.Values("Sec-WebSocket-Protocol"))
	}
	if token == "" && err == nil && cookie != "" {
		token, err = fromCookie(r.CookiesNamed(cookie))
	}
	switch {
	case err != nil:
		return "", err
	case token == "":
		return "", ErrMissing
	case len(token) > MaxToken:
		return "", refusal("the token is too long")
	case strings.ContainsFunc(token, foreign):
		// encoding/base64 skips line breaks, so one token would have many forms.
		return "", refusal("the token has characters that no token has")
	}
	return token, nil
}

// foreign reports whether a character stands in no token: RFC 7515 §7.1.
func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// fromAuthorization leaves other schemes than Bearer to others.
func fromAuthorization(values []string) (string, error) {
	var token string
	for _, value := range values {
		scheme, rest, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return "", refusal("the header Authorization has no token")
		}
		if token != "" {
			return "", refusal("there is more than one token")
		}
		token = rest
	}
	return token, nil
}

// fromSubprotocols wants the pair: a browser refuses a connection of which the server
// selected none of the subprotocols, and the token must not be selected.
func fromSubprotocols(values []string) (string, error) {
	var token string
	var pair bool
	for value := range strings.SplitSeq(strings.Join(values, ","), ",") {
		value = strings.TrimSpace(value)
		if value == subprotocol {
			pair = true
		}
		rest, ok := strings.CutPrefix(value, subprotocolPrefix)
		if !ok {
			continue
		}
		if token != "" || rest == "" {
			return "", refusal("there is not exactly one token among the subprotocols")
		}
		token = rest
	}
	if token != "" && !pair {
		return "", refusal("the subprotocol troupe must stand beside the token")
	}
	return token, nil
}

// fromCookie refuses a choice: a neighbour domain can add a cookie of the same name.
func fromCookie(cookies []*http.Cookie) (string, error) {
	switch len(cookies) {
	case 0:
		return "", nil
	case 1:
		return cookies[0].Value, nil
	}
	return "", refusal("there is more than one token")
}
