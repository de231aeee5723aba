package jwtauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	s := signers()
	edPEM := publicPEM(t, s[EdDSA].Public())
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(s[EdDSA])
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	tests := map[string]struct {
		cfg  Config
		want []string // in order; each a part of a fault
	}{
		"good":                     {withSecret(), nil},
		"nothing":                  {Config{}, []string{"algorithms: name those", "keys: a secret, public keys"}},
		"none":                     {Config{Keys: secret, Algorithms: []string{"none"}}, []string{"algorithms: none is no signature", "keys: a secret goes only with HS256"}},
		"NONE among others":        {Config{Keys: edPEM, Algorithms: []string{EdDSA, "NONE"}}, []string{"algorithms: none is no signature", `keys: there is no key for NONE`}},
		"unknown algorithm":        {Config{Keys: edPEM, Algorithms: []string{"RS512"}}, []string{`algorithms: "RS512" is not one of`, "keys: there is no key for RS512"}},
		"algorithm twice":          {Config{Keys: edPEM, Algorithms: []string{EdDSA, EdDSA}}, []string{"algorithms: EdDSA is named twice"}},
		"secret and public":        {Config{Keys: secret, Algorithms: []string{HS256, RS256}}, []string{"algorithms: HS256 takes a secret"}},
		"HMAC with a public key":   {Config{Keys: edPEM, Algorithms: []string{HS256}}, []string{"keys: a public key is no secret"}},
		"HMAC with a key set":      {Config{Keys: "https://id.example.com/jwks.json", Algorithms: []string{HS256}}, []string{"keys: a key set holds public keys"}},
		"RS256 with a secret":      {Config{Keys: secret, Algorithms: []string{RS256}}, []string{"keys: a secret goes only with HS256"}},
		"short secret":             {Config{Keys: "REVEALED", Algorithms: []string{HS256}}, []string{"keys: the secret has 8 bytes, of at least 32"}},
		"private key":              {Config{Keys: private, Algorithms: []string{EdDSA}}, []string{"keys: this is a private key"}},
		"another curve":            {Config{Keys: publicPEM(t, p384.Public()), Algorithms: []string{ES256}}, []string{"keys: an elliptic key is not on the curve P-256"}},
		"key of another kind":      {Config{Keys: edPEM, Algorithms: []string{ES256}}, []string{"keys: there is no key for ES256"}},
		"broken PEM":               {Config{Keys: "-----BEGIN PUBLIC KEY-----\nREVEALED", Algorithms: []string{EdDSA}}, []string{"keys: some of the PEM can not be read"}},
		"PEM with broken rest":     {Config{Keys: edPEM + "-----BEGIN PUBLIC KEY-----\nREVEALED", Algorithms: []string{EdDSA}}, []string{"keys: some of the PEM can not be read"}},
		"endless file":             {Config{Keys: "file:/dev/zero", Algorithms: []string{EdDSA}}, []string{"keys: /dev/zero is larger than 1 MiB"}},
		"no file":                  {Config{Keys: "file:does/not/exist", Algorithms: []string{EdDSA}}, []string{"keys: open does/not/exist"}},
		"http":                     {Config{Keys: "http://id.example.com/jwks.json", Algorithms: []string{RS256}}, []string{"keys: keys are fetched by https"}},
		"http, loopback in name":   {Config{Keys: "http://127.0.0.1.example.com/", Algorithms: []string{RS256}}, []string{"keys: keys are fetched by https"}},
		"http, loopback":           {Config{Keys: "http://127.0.0.1:1/", Algorithms: []string{RS256}}, nil},
		"http, loopback 6":         {Config{Keys: "http://[::1]:1/", Algorithms: []string{RS256}}, nil},
		"http, localhost":          {Config{Keys: "http://localhost/", Algorithms: []string{RS256}}, nil},
		"URL without a host":       {Config{Keys: "https:///jwks.json", Algorithms: []string{RS256}}, []string{"keys: the URL has no host"}},
		"URL that can not be read": {Config{Keys: "https://REVEALED:%zz@host/", Algorithms: []string{RS256}}, []string{"keys: the URL can not be read"}},
		"the rest at once": {
			Config{Data: []string{"", "a", "a"}, Cookie: "a b", Leeway: time.Hour, Refresh: time.Second},
			[]string{"algorithms:", "keys:", `data: ""`, `data: "a"`, `cookie: "a b"`, "leeway: 1h", "refresh: 1s"},
		},
		"leeway negative": {Config{Keys: secret, Algorithms: []string{HS256}, Leeway: -2}, []string{"leeway:"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := tt.cfg.Faults()
			if len(faults) != len(tt.want) {
				t.Fatalf("got %v, want %d faults", faults, len(tt.want))
			}
			for i, fault := range faults {
				if !strings.Contains(fault.Error(), tt.want[i]) || strings.Contains(fault.Error(), "REVEALED") {
					t.Errorf("fault %d: %v, want %s", i, fault, tt.want[i])
				}
			}
			if len(tt.want) == 0 {
				return
			}
			_, err := New(context.Background(), tt.cfg)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("New: %v, want %s", err, want)
				}
			}
		})
	}
}

func TestShortRSAKeyIsAFault(t *testing.T) {
	t.Parallel()
	// 1024 bits of anything: the key is never used.
	der := []byte{0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00}
	for range 128 {
		der = append(der, 0xd5)
	}
	der = append(der, 0x02, 0x03, 0x01, 0x00, 0x01)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: der}))
	faults := Config{Keys: text, Algorithms: []string{RS256}}.Faults()
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), "an RSA key has 1024 bits, of at least 2048") {
		t.Errorf("got %v", faults)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(secret)
	f.Add(publicPEM(f, signers()[EdDSA].Public()))
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n")
	f.Add("https://[::1")
	f.Add("http://localhost@example.com/")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "file:") {
			t.Skip("reads whatever file there is")
		}
		for _, alg := range []string{HS256, RS256, ES256, EdDSA} {
			k, faults := Config{Keys: text, Algorithms: []string{alg}}.keys()
			usable := k.url != "" || len(k.secret) >= minSecret || len(k.public[alg]) > 0
			if len(faults) == 0 && (!usable || (k.secret != nil) != (alg == HS256)) {
				t.Errorf("%s: %q is no fault, and gives no keys", alg, text)
			}
		}
	})
}
