package jwtauth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An issuer answers fetches in place of the network.
type issuer struct {
	mu      sync.Mutex
	says    answer
	fetches int
}

type answer struct {
	body   string
	status int // 0: 200
	err    error
	hangs  bool
	lasts  time.Duration // by which it outlives its context, if it hangs
}

func (i *issuer) RoundTrip(req *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	a := i.says
	i.mu.Unlock()
	if a.hangs {
		<-req.Context().Done()
		time.Sleep(a.lasts)
		return nil, req.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	status := cmp.Or(a.status, http.StatusOK)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Request: req, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

func (i *issuer) say(a answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.says = a
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// serves makes the issuer have keys by these names, all of them the same.
func (i *issuer) serves(kids ...string) {
	var keys []map[string]any
	for _, kid := range kids {
		keys = append(keys, keyOf(kid, EdDSA, signers()[EdDSA].Public()))
	}
	i.say(answer{body: keySet(keys...)})
}

func fromIssuer(i *issuer) Config {
	return Config{Keys: "https://user:REVEALED@id.example.com/jwks.json?key=REVEALED", Algorithms: []string{EdDSA}, Transport: i}
}

func tokenBy(t testing.TB, kid string) string {
	header := map[string]any{"kid": kid}
	if kid == "" {
		header = nil
	}
	return sign(t, EdDSA, signers()[EdDSA], header, ann(map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()}))
}

func expect(t *testing.T, v *Verifier, kid string, want error) {
	t.Helper()
	got, err := verify(v, tokenBy(t, kid))
	if !errors.Is(err, want) || want == nil && got.ID != "ann" {
		t.Errorf("key %q: got %q, %v; want %v", kid, got.ID, err, want)
	}
}

func TestKeySet(t *testing.T) {
	t.Parallel()
	s := signers()
	ed := func(kid string) map[string]any { return keyOf(kid, EdDSA, s[EdDSA].Public()) }
	with := func(key map[string]any, k string, v any) map[string]any { key[k] = v; return key }
	tests := map[string]struct {
		body string
		kid  string
		want error
	}{
		"by name":                  {keySet(keyOf("r", RS256, s[RS256].Public()), ed("a")), "a", nil},
		"without a name":           {keySet(keyOf("r", RS256, s[RS256].Public()), keyOf("o", EdDSA, s["other"].Public()), ed("a")), "", nil},
		"key without algorithm":    {keySet(with(ed("a"), "alg", "")), "a", nil},
		"unknown keys beside":      {keySet(map[string]any{"kty": "FUTURE", "kid": "x"}, map[string]any{"kty": "OKP", "crv": "Ed448", "x": "AA"}, map[string]any{}, ed("a")), "a", nil},
		"secret beside":            {keySet(map[string]any{"kty": "oct", "k": "AAAA", "kid": "x"}, ed("a")), "a", nil},
		"key of another name":      {keySet(keyOf("a", EdDSA, s["other"].Public()), ed("b")), "a", ErrInvalid},
		"key of another kind":      {keySet(keyOf("a", RS256, s[RS256].Public())), "a", ErrInvalid},
		"key for encryption":       {keySet(with(ed("a"), "use", "enc")), "a", ErrUnavailable},
		"key for another use":      {keySet(with(ed("a"), "alg", "ES256")), "a", ErrUnavailable},
		"secret in place of a key": {keySet(map[string]any{"kty": "oct", "k": "AAAA", "kid": "a"}), "a", ErrUnavailable},
		"no keys":                  {`{"keys":[]}`, "a", ErrUnavailable},
		"an error in JSON":         {`{"error":"down"}`, "a", ErrUnavailable},
		"not JSON":                 {`<html>`, "a", ErrUnavailable},
		"too many":                 {`{"keys":[` + strings.Repeat(`{},`, maxKeys) + `{}]}`, "a", ErrUnavailable},
		"too long":                 {keySet(ed("a")) + strings.Repeat(" ", maxKeySet), "a", ErrUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := start(t, fromIssuer(&issuer{says: answer{body: tt.body}}))
			expect(t, v, tt.kid, tt.want)
		})
	}
}

func TestKeySetIsRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serves("old")
		v := start(t, fromIssuer(i))
		expect(t, v, "old", nil)
		i.serves("new")
		time.Sleep(DefaultRefresh + time.Second)
		if i.count() != 2 {
			t.Errorf("%d fetches, want the first and one an hour later", i.count())
		}
		expect(t, v, "new", nil)
		expect(t, v, "old", ErrInvalid) // revoked
	})
}

func TestKeySetDownAtStart(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]answer{
		"refuses":    {err: errors.New("connection refused")},
		"hangs":      {hangs: true},
		"broken":     {status: http.StatusBadGateway},
		"not keys":   {body: "<html>"},
		"redirected": {status: http.StatusFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { downAtStart(t, fault) })
		})
	}
}

func downAtStart(t *testing.T, fault answer) {
	i := &issuer{says: fault}
	cfg := fromIssuer(i)
	var logged bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	began := time.Now()
	v, err := New(t.Context(), cfg)
	if err != nil || time.Since(began) > fetchDeadline {
		t.Fatalf("New: %v after %v", err, time.Since(began))
	}
	expect(t, v, "a", ErrUnavailable)
	time.Sleep(10 * time.Minute)
	if n := i.count(); n < 10 || n > 40 {
		t.Errorf("%d attempts in ten minutes", n)
	}
	i.serves("a")
	time.Sleep(2 * time.Minute)
	expect(t, v, "a", nil)
	v.Close()
	if text := logged.String(); !strings.Contains(text, "keys could not be fetched") || strings.Contains(text, "REVEALED") {
		t.Errorf("logged %s", text)
	}
}

// A token brings the keys as soon as the issuer is back.
func TestKeySetComesWithAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{says: answer{err: errors.New("connection refused")}}
		v := start(t, fromIssuer(i))
		i.serves("a")
		expect(t, v, "a", nil)
	})
}

func TestKeySetDownLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serves("a")
		v := start(t, fromIssuer(i))
		for _, fault := range []answer{
			{err: errors.New("connection refused")},
			{hangs: true},
			{body: `{"keys":[]}`},
		} {
			i.say(fault)
			time.Sleep(5 * time.Hour)
			began := time.Now()
			expect(t, v, "a", nil)
			if time.Since(began) > 0 {
				t.Error("a known key waited for the issuer")
			}
		}
		i.serves("a", "b")
		time.Sleep(2 * time.Minute)
		expect(t, v, "b", nil)

		// The next outage begins with short pauses again.
		n := i.count()
		i.say(answer{err: errors.New("connection refused")})
		for i.count() == n {
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Second)
		if i.count() < n+3 {
			t.Errorf("%d attempts in the first 5 seconds", i.count()-n)
		}
	})
}

func TestUnknownKeysAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serves("a")
		v := start(t, fromIssuer(i))
		i.serves("a", "b")
		expect(t, v, "b", nil) // the first one is fetched for at once
		flood := func() {
			var wg sync.WaitGroup
			for n := range 50 {
				wg.Go(func() { expect(t, v, fmt.Sprint("unknown ", n), ErrInvalid) })
			}
			wg.Wait()
		}
		flood()
		if n := i.count(); n != 2 {
			t.Errorf("%d fetches, want 2: at start and for b", n)
		}
		for range 6 {
			time.Sleep(UnknownKeyInterval)
			flood()
		}
		if n := i.count(); n > 2+6 {
			t.Errorf("%d fetches in a minute, want at most %d", n, 2+6)
		}
		i.serves("a", "b", "c")
		time.Sleep(UnknownKeyInterval)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { expect(t, v, "c", nil) }) // one fetches, all have it
		}
		wg.Wait()
	})
}

// Whoever waits for a fetch waits no longer than its own context, and others do not wait.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serves("a")
		v := start(t, fromIssuer(i))
		i.say(answer{hangs: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				began := time.Now()
				_, err := v.Verify(ctx, request(tokenBy(t, "b")))
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("%v after %v, want the deadline after 1s", err, time.Since(began))
				}
			})
		}
		synctest.Wait()
		expect(t, v, "a", nil)
		wg.Wait()
		wg.Go(func() { expect(t, v, "b", ErrInvalid) })
		synctest.Wait()
		began := time.Now()
		v.Close()
		if time.Since(began) > 0 {
			t.Errorf("Close took %v", time.Since(began))
		}
		wg.Wait()
		expect(t, v, "a", nil)
		expect(t, v, "b", ErrInvalid)
	})
}

// Close waits for what it started.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serves("a")
		v := start(t, fromIssuer(i))
		i.say(answer{hangs: true, lasts: time.Second})
		var wg sync.WaitGroup
		wg.Go(func() { expect(t, v, "b", ErrInvalid) })
		synctest.Wait()
		began := time.Now()
		v.Close()
		if d := time.Since(began); d != time.Second {
			t.Errorf("Close took %v, the fetch 1s", d)
		}
		wg.Wait()
	})
}

func TestNewEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := New(ctx, fromIssuer(&issuer{says: answer{hangs: true}})); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
