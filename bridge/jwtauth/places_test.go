package jwtauth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestTokenPlaces(t *testing.T) {
	t.Parallel()
	cfg := withSecret()
	cfg.Cookie = "session"
	with := start(t, cfg)
	without := start(t, withSecret())
	good := sign(t, HS256, []byte(secret), nil, ann(nil))
	eve := sign(t, HS256, []byte(secret), nil, ann(map[string]any{"sub": "eve"}))
	const auth, proto, cookie = "Authorization", "Sec-Websocket-Protocol", "Cookie"
	tests := map[string]struct {
		v      *Verifier
		header http.Header
		want   error
	}{
		"nowhere":                     {with, http.Header{}, ErrMissing},
		"header":                      {without, http.Header{auth: {"Bearer " + good}}, nil},
		"header, another case":        {without, http.Header{auth: {"bEARER   " + good}}, nil},
		"another scheme":              {without, http.Header{auth: {"Basic " + good}}, ErrMissing},
		"another scheme and cookie":   {with, http.Header{auth: {"Basic eDp5"}, cookie: {"session=" + good}}, nil},
		"scheme alone":                {with, http.Header{auth: {"Bearer"}, cookie: {"session=" + good}}, ErrInvalid},
		"scheme and space":            {with, http.Header{auth: {"Bearer "}}, ErrInvalid},
		"no scheme":                   {without, http.Header{auth: {good}}, ErrMissing},
		"two headers":                 {without, http.Header{auth: {"Bearer " + good, "Bearer " + good}}, ErrInvalid},
		"two tokens in a header":      {without, http.Header{auth: {"Bearer " + good + " " + good}}, ErrInvalid},
		"subprotocols":                {without, http.Header{proto: {"troupe, bearer." + good}}, nil},
		"subprotocols, no space":      {without, http.Header{proto: {"bearer." + good + ",troupe"}}, nil},
		"subprotocols, two lines":     {without, http.Header{proto: {"troupe", "bearer." + good}}, nil},
		"subprotocols among others":   {without, http.Header{proto: {"x, troupe,, y, bearer." + good}}, nil},
		"subprotocol without troupe":  {without, http.Header{proto: {"bearer." + good}}, ErrInvalid},
		"subprotocol troupe only":     {without, http.Header{proto: {"troupe"}}, ErrMissing},
		"subprotocol without token":   {without, http.Header{proto: {"troupe, bearer."}}, ErrInvalid},
		"two tokens in subprotocols":  {without, http.Header{proto: {"troupe, bearer." + good + ", bearer." + eve}}, ErrInvalid},
		"cookie":                      {with, http.Header{cookie: {"a=b; session=" + good}}, nil},
		"cookie not configured":       {without, http.Header{cookie: {"session=" + good}}, ErrMissing},
		"cookie of another name":      {with, http.Header{cookie: {"Session=" + good}}, ErrMissing},
		"cookie empty":                {with, http.Header{cookie: {"session="}}, ErrMissing},
		"two cookies":                 {with, http.Header{cookie: {"session=" + eve + "; session=" + good}}, ErrInvalid},
		"header before subprotocol":   {without, http.Header{auth: {"Bearer " + good}, proto: {"troupe, bearer." + eve}}, nil},
		"subprotocol before cookie":   {with, http.Header{proto: {"troupe, bearer." + good}, cookie: {"session=" + eve}}, nil},
		"bad header and good cookie":  {with, http.Header{auth: {"Bearer x"}, cookie: {"session=" + good}}, ErrInvalid},
		"huge":                        {without, http.Header{auth: {"Bearer " + strings.Repeat("x", MaxToken+1)}}, ErrInvalid},
		"huge but of the right shape": {without, http.Header{auth: {"Bearer " + hugeToken(t)}}, ErrInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.v.Verify(context.Background(), &http.Request{Header: tt.header})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == nil && got.ID != "ann" {
				t.Errorf("verified the token of %q, want that of ann", got.ID)
			}
		})
	}
}

// hugeToken is a good token that is longer than MaxToken.
func hugeToken(t *testing.T) string {
	return sign(t, HS256, []byte(secret), nil, ann(map[string]any{"x": strings.Repeat("x", MaxToken)}))
}

// The longest token is still good.
func TestLongToken(t *testing.T) {
	t.Parallel()
	token := sign(t, HS256, []byte(secret), nil, ann(map[string]any{"x": strings.Repeat("x", MaxToken*3/4-200)}))
	if len(token) > MaxToken || len(token) < MaxToken-300 {
		t.Fatalf("the test's token has %d bytes", len(token))
	}
	if _, err := verify(start(t, withSecret()), token); err != nil {
		t.Error(err)
	}
}

// FuzzVerify finds neither a panic, nor a token that passes without having been signed, nor
// an error that quotes what was sent.
func FuzzVerify(f *testing.F) {
	v := start(f, withSecret())
	good := sign(f, HS256, []byte(secret), nil, raw(`{"sub":"ann","exp":4000000000}`))
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "", ".", "..", "a.b.c", parts[0] + "..", parts[0] + "." + parts[1] + ".", good + ".", good[:len(good)-1],
		reseal(`{"alg":"none"}`, `{"sub":"ann","exp":4000000000}`, ""), reseal(`{"alg":"HS256","kid":"a"}`, `[[[`, parts[2]),
		reseal(`null`, `null`, parts[2]), reseal(`{"alg":"HS256","crit":[]}`, `{}`, parts[2]),
		sign(f, HS256, []byte(secret+"x"), nil, ann(nil)), "bearer." + good, good + "\x00", "\xff" + good,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		for name, value := range map[string]string{"Authorization": "Bearer " + token, "Sec-Websocket-Protocol": "troupe, bearer." + token} {
			got, err := v.Verify(context.Background(), &http.Request{Header: http.Header{name: {value}}})
			if err == nil && (got.ID != "ann" || strings.TrimSpace(strings.Trim(token, ", ")) != good && !strings.Contains(token, good)) {
				t.Errorf("%s: %q passed as %q", name, token, got.ID)
			}
			if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrMissing) {
				t.Errorf("%s: %v is no error for a client", name, err)
			}
			if err != nil && len(token) > 20 && strings.Contains(err.Error(), token) {
				t.Errorf("%s: the error quotes the token", name)
			}
		}
	})
}
