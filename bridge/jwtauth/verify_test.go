package jwtauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
)

func TestVerifiesEveryAlgorithm(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	s := signers()
	var all string
	for _, alg := range []string{RS256, ES256, EdDSA} {
		all += "a comment\n" + publicPEM(t, s[alg].Public())
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s[ES256].Public(), s[ES256])
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	two := publicPEM(t, s["other"].Public()) + publicPEM(t, s[EdDSA].Public())

	tests := map[string]struct {
		keys string
		algs []string
		alg  string
		key  any
	}{
		"secret":              {secret, []string{HS256}, HS256, []byte(secret)},
		"secret in a file":    {file(secret + "\n"), []string{HS256}, HS256, []byte(secret)},
		"RSA":                 {publicPEM(t, s[RS256].Public()), []string{RS256}, RS256, s[RS256]},
		"RSA, PKCS 1":         {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(s[RS256].Public().(*rsa.PublicKey))), []string{RS256}, RS256, s[RS256]},
		"elliptic":            {publicPEM(t, s[ES256].Public()), []string{ES256}, ES256, s[ES256]},
		"certificate":         {block("CERTIFICATE", der), []string{ES256}, ES256, s[ES256]},
		"Edwards":             {publicPEM(t, s[EdDSA].Public()), []string{EdDSA}, EdDSA, s[EdDSA]},
		"second of two":       {two, []string{EdDSA}, EdDSA, s[EdDSA]},
		"many in a file":      {file(all), []string{RS256, ES256, EdDSA}, ES256, s[ES256]},
		"file as URL":         {strings.Replace(file(all), "file:", "file://", 1), []string{RS256}, RS256, s[RS256]},
		"more keys than algs": {all, []string{EdDSA}, EdDSA, s[EdDSA]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := start(t, Config{Keys: tt.keys, Algorithms: tt.algs})
			got, err := verify(v, sign(t, tt.alg, tt.key, nil, ann(nil)))
			if err != nil || got.ID != "ann" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// reseal puts a header and claims together with a signature of something else.
func reseal(header, claims, signature string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64([]byte(claims)) + "." + signature
}

// spareBits changes what the last character of a signature says beyond its 32 bytes: the same
// signature in another text.
func spareBits(token string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, token[len(token)-1])
	return token[:len(token)-1] + digits[last^1:][:1]
}

func TestRefusesForgedTokens(t *testing.T) {
	t.Parallel()
	s := signers()
	rsaPEM := publicPEM(t, s[RS256].Public())
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hs := withSecret()
	rs := Config{Keys: rsaPEM, Algorithms: []string{RS256}}
	good := sign(t, HS256, []byte(secret), nil, ann(nil))
	parts := strings.Split(good, ".")
	claims := `{"sub":"ann","exp":9999999999}`
	tests := map[string]struct {
		cfg   Config
		token string
	}{
		"none":               {hs, reseal(`{"alg":"none"}`, claims, "")},
		"None":               {hs, reseal(`{"alg":"None"}`, claims, "")},
		"none, signed":       {hs, reseal(`{"alg":"none"}`, claims, parts[2])},
		"none with a key":    {rs, sign(t, "none", jwt.UnsafeAllowNoneSignatureType, nil, ann(nil))},
		"no algorithm":       {hs, reseal(`{"typ":"JWT"}`, claims, parts[2])},
		"algorithm a number": {hs, reseal(`{"alg":1}`, claims, parts[2])},
		"unknown algorithm":  {hs, reseal(`{"alg":"XS256"}`, claims, parts[2])},
		"no signature":       {hs, parts[0] + "." + parts[1] + "."},
		"two parts":          {hs, parts[0] + "." + parts[1]},
		"four parts":         {hs, good + "." + parts[2]},
		"other claims":       {hs, reseal(`{"alg":"HS256","typ":"JWT"}`, claims, parts[2])},
		"another secret":     {hs, sign(t, HS256, []byte(secret+"x"), nil, ann(nil))},
		"empty secret":       {hs, sign(t, HS256, []byte{}, nil, ann(nil))},
		"a longer hash":      {hs, sign(t, "HS512", []byte(secret), nil, ann(nil))},
		// The classic: the public key, which all know, taken for a secret.
		"public key as secret":         {rs, sign(t, HS256, []byte(rsaPEM), nil, ann(nil))},
		"public key as secret, PKIX":   {rs, sign(t, HS256, x509.MarshalPKCS1PublicKey(s[RS256].Public().(*rsa.PublicKey)), nil, ann(nil))},
		"another kind of key":          {rs, sign(t, EdDSA, s[EdDSA], nil, ann(nil))},
		"another padding":              {rs, sign(t, "PS256", s[RS256], nil, ann(nil))},
		"key not in use":               {Config{Keys: rsaPEM + publicPEM(t, s[EdDSA].Public()), Algorithms: []string{RS256}}, sign(t, EdDSA, s[EdDSA], nil, ann(nil))},
		"another curve":                {Config{Keys: publicPEM(t, s[ES256].Public()), Algorithms: []string{ES256}}, sign(t, "ES384", p384, nil, ann(nil))},
		"its own key in the header":    {Config{Keys: publicPEM(t, s[EdDSA].Public()), Algorithms: []string{EdDSA}}, sign(t, EdDSA, s["other"], map[string]any{"jwk": keyOf("", EdDSA, s["other"].Public())}, ann(nil))},
		"header demands the unknown":   {hs, sign(t, HS256, []byte(secret), map[string]any{"crit": []string{"b64"}, "b64": false}, ann(nil))},
		"not UTF-8":                    {hs, sign(t, HS256, []byte(secret), nil, raw("{\"sub\":\"a\xff\",\"exp\":4000000000}"))},
		"spare bits set":               {hs, spareBits(good)},
		"padded":                       {hs, good + "="},
		"space inside":                 {hs, strings.Replace(good, ".", ". ", 1)},
		"claims a list":                {hs, reseal(`{"alg":"HS256"}`, `[]`, parts[2])},
		"nested too deep for its size": {hs, reseal(`{"alg":"HS256"}`, strings.Repeat("[", 3000), parts[2])},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verify(start(t, tt.cfg), tt.token)
			if !errors.Is(err, ErrInvalid) || got.ID != "" {
				t.Errorf("got %+v, %v; want ErrInvalid", got, err)
			}
		})
	}
}

func TestChecksClaims(t *testing.T) {
	t.Parallel()
	now := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	cfg := withSecret()
	strict := withSecret()
	strict.Audience, strict.Issuer, strict.Leeway = "chat", "https://id.example.com", -1
	both := map[string]any{"aud": "chat", "iss": "https://id.example.com"}
	with := func(k string, v any) map[string]any {
		return map[string]any{"aud": "chat", "iss": "https://id.example.com", k: v}
	}
	eternal := withSecret()
	eternal.AllowEternal = true
	tests := map[string]struct {
		cfg     Config
		changes map[string]any
		want    string // of the error; "" accepts
	}{
		"plain":               {cfg, nil, ""},
		"expired":             {cfg, map[string]any{"exp": now(-time.Minute)}, "it has expired"},
		"expired in leeway":   {cfg, map[string]any{"exp": now(-3 * time.Second)}, ""},
		"expired, no leeway":  {strict, with("exp", now(-3*time.Second)), "it has expired"},
		"no expiry":           {cfg, map[string]any{"exp": nil}, "a required claim is missing"},
		"no expiry, allowed":  {eternal, map[string]any{"exp": nil}, ""},
		"expiry 0":            {eternal, map[string]any{"exp": 0}, "it has expired"},
		"expiry a text":       {cfg, map[string]any{"exp": "9999999999"}, "a claim is of the wrong type"},
		"expiry a list":       {eternal, map[string]any{"exp": []int{1}}, "a claim is of the wrong type"},
		"expiry in ms":        {cfg, map[string]any{"exp": time.Now().Add(time.Hour).UnixMilli()}, "a time is not in seconds since 1970"},
		"expiry enormous":     {cfg, map[string]any{"exp": 1e300}, "a time is not in seconds since 1970"},
		"expiry negative":     {eternal, map[string]any{"exp": -1}, "a time is not in seconds since 1970"},
		"another case":        {cfg, map[string]any{"exp": nil, "Exp": now(time.Hour)}, "a required claim is missing"},
		"not valid yet":       {cfg, map[string]any{"nbf": now(time.Minute)}, "it is not valid yet"},
		"valid since now":     {cfg, map[string]any{"nbf": now(0)}, ""},
		"right audience":      {strict, both, ""},
		"among audiences":     {strict, with("aud", []string{"shop", "chat"}), ""},
		"wrong audience":      {strict, with("aud", "shop"), "it is for another audience"},
		"audience a prefix":   {strict, with("aud", "chat2"), "it is for another audience"},
		"no audience":         {strict, with("aud", nil), "a required claim is missing"},
		"audience a number":   {strict, with("aud", 7), "a claim is of the wrong type"},
		"wrong issuer":        {strict, with("iss", "https://id.example.com.evil.test"), "it is of another issuer"},
		"no issuer":           {strict, with("iss", nil), "a required claim is missing"},
		"audience not wanted": {cfg, map[string]any{"aud": "shop"}, ""},
		"no identity":         {cfg, map[string]any{"sub": nil}, "the claim for the identity is missing, empty or too long"},
		"empty identity":      {cfg, map[string]any{"sub": ""}, "the claim for the identity is missing, empty or too long"},
		"long identity":       {cfg, map[string]any{"sub": strings.Repeat("x", maxID+1)}, "the claim for the identity is missing, empty or too long"},
		"identity a list":     {cfg, map[string]any{"sub": []string{"ann"}}, "a claim is of the wrong type"},
		"identity a fraction": {cfg, map[string]any{"sub": 1.5}, "a claim is of the wrong type"},
		"identity true":       {cfg, map[string]any{"sub": true}, "a claim is of the wrong type"},
		"roles an object":     {cfg, map[string]any{"roles": map[string]any{}}, "a claim is of the wrong type"},
		"roles of numbers":    {cfg, map[string]any{"roles": []int{1}}, "a claim is of the wrong type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verify(start(t, tt.cfg), sign(t, HS256, []byte(secret), nil, ann(tt.changes)))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (!errors.Is(err, ErrInvalid) || err.Error() != ErrInvalid.Error()+": "+tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A token that was good while the connection stood is told by ExpiresAt.
func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := start(t, withSecret())
		exp := time.Now().Add(time.Minute)
		token := sign(t, HS256, []byte(secret), nil, ann(map[string]any{"exp": exp.Unix()}))
		got, err := verify(v, token)
		if err != nil || !got.ExpiresAt.Equal(exp.Add(DefaultLeeway)) {
			t.Fatalf("expires at %v, %v; want %v", got.ExpiresAt, err, exp.Add(DefaultLeeway))
		}
		time.Sleep(time.Until(got.ExpiresAt) - time.Second)
		if _, err := verify(v, token); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := verify(v, token); !errors.Is(err, ErrInvalid) {
			t.Errorf("at ExpiresAt: %v, want ErrInvalid", err)
		}
	})
}

func TestErrorsTellNoSecrets(t *testing.T) {
	t.Parallel()
	v := start(t, withSecret())
	const mark = "REVEALED"
	b64 := base64.RawURLEncoding.EncodeToString
	for _, token := range []string{
		mark, mark + "." + mark + "." + mark, "a." + mark, mark + ".%." + mark,
		b64([]byte(`{"alg":"`+mark+`"}`)) + "." + b64([]byte(`{}`)) + "." + mark,
		b64([]byte(mark)) + ".e30." + mark,
		sign(t, HS256, []byte(mark), map[string]any{"kid": mark}, ann(map[string]any{"sub": mark})),
		sign(t, HS256, []byte(secret), nil, ann(map[string]any{"sub": []string{mark}, "exp": mark, "aud": mark, "iss": mark})),
		sign(t, HS256, []byte(secret), nil, ann(map[string]any{"roles": mark, "sub": map[string]any{mark: 1}})),
	} {
		_, err := verify(v, token)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", token, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, mark) || strings.Contains(text, token) {
			t.Errorf("the error quotes the token: %s", text)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	cfg := withSecret()
	cfg.Registerer = reg
	v := start(t, cfg)
	for _, token := range []string{"x", "y", sign(t, HS256, []byte(secret), nil, ann(nil))} {
		_, _ = verify(v, token) // only counted here
	}
	if _, err := v.Verify(context.Background(), request("")); !errors.Is(err, ErrInvalid) {
		t.Errorf("an empty header: %v", err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"troupe_jwtauth_verifications_total ok":      1,
		"troupe_jwtauth_verifications_total invalid": 3,
		"troupe_jwtauth_verifications_total missing": 0,
		"troupe_jwtauth_key_fetches_total failed":    0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
}
