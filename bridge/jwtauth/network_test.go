package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Over real sockets: a server with TLS, one without on a loopback address, and redirects.
func TestKeySetOverTheNetwork(t *testing.T) {
	t.Parallel()
	set := keySet(keyOf("a", EdDSA, signers()[EdDSA].Public()))
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) })
	mux.Handle("/moved", http.RedirectHandler("/jwks.json", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler("http://id.example.com/jwks.json", http.StatusFound))
	secure, plain := httptest.NewTLSServer(mux), httptest.NewServer(mux)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	trusted := secure.Client().Transport
	// Whatever the host, this one comes to the server: only the rules keep it away.
	anyHost := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, plain.Listener.Addr().String())
		},
	}
	t.Cleanup(anyHost.CloseIdleConnections)

	tests := map[string]struct {
		url       string
		transport http.RoundTripper
		want      error
	}{
		"https":                       {secure.URL + "/jwks.json", trusted, nil},
		"http from loopback":          {plain.URL + "/jwks.json", nil, nil},
		"moved":                       {plain.URL + "/moved", nil, nil},
		"moved for ever":              {plain.URL + "/loop", nil, ErrUnavailable},
		"moved to where http may not": {plain.URL + "/away", anyHost, ErrUnavailable},
		"not there":                   {plain.URL + "/nothing", nil, ErrUnavailable},
		"a certificate nobody signed": {secure.URL + "/jwks.json", nil, ErrUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := start(t, Config{Keys: tt.url, Algorithms: []string{EdDSA}, Transport: tt.transport})
			expect(t, v, "a", tt.want)
		})
	}
}

// As a program uses it: who is it, or the status that protocol.md names.
func ExampleVerifier_Verify() {
	v, err := New(context.Background(), Config{
		Keys:       "a secret of more than 32 bytes, for tests",
		Algorithms: []string{HS256},
		Data:       []string{"name"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjQwMDAwMDAwMDAsIm5hbWUiOiJBbm4iLCJzdWIiOiI0MiJ9.X16rbrhzFlq6ZwpYgzNjFdyjdzr7kM9pQqiFpC_FIE0"
	for _, text := range []string{token, strings.ToUpper(token), ""} {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		if text != "" {
			r.Header.Set("Authorization", "Bearer "+text)
		}
		claims, err := v.Verify(r.Context(), r)
		switch {
		case err == nil:
			fmt.Println(claims.ID, string(claims.Data), claims.ExpiresAt.UTC().Year())
		case errors.Is(err, ErrMissing), errors.Is(err, ErrInvalid):
			fmt.Println(http.StatusUnauthorized, err)
		default:
			fmt.Println(http.StatusServiceUnavailable, err)
		}
	}
	// Output:
	// 42 {"name":"Ann"} 2096
	// 401 jwtauth: invalid token: it is not a JSON Web Token
	// 401 jwtauth: no token
}
