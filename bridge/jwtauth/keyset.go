package jwtauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// Bounds of what a key set may be.
const (
	maxKeySet    = 1 << 20 // bytes
	maxKeys      = 64      // a token that names no key is tried with each
	maxRedirects = 3
)

// get fetches a key set.
func get(ctx context.Context, client *http.Client, from string) (jwt.Keyfunc, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, bare(err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	return readKeySet(ctx, body)
}

// bare takes the URL from an error: it may have credentials in it.
func bare(err error) error {
	var full *url.Error
	if errors.As(err, &full) {
		return full.Err
	}
	return err
}

// checkRedirect keeps a redirect from leading where Config.Keys may not.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	return checkURL(req.URL)
}

// readKeySet takes the keys that it can use and passes over others: a set may serve
// programs that know more algorithms. One without any usable key is an error,
// so that a broken answer does not replace good keys.
func readKeySet(ctx context.Context, body []byte) (jwt.Keyfunc, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the key set is longer than %d bytes", maxKeySet)
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the key set is not JSON")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	store := jwkset.NewMemoryStorage()
	usable := 0
	for _, raw := range set.Keys {
		key, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil || !isUsable(key) {
			continue
		}
		if err := store.KeyWrite(ctx, key); err != nil {
			return nil, err
		}
		usable++
	}
	if usable == 0 {
		return nil, fmt.Errorf("none of the %d keys in the set can be used", len(set.Keys))
	}
	find, err := keyfunc.New(keyfunc.Options{Storage: store})
	if err != nil {
		return nil, err
	}
	return find.KeyfuncCtx(context.WithoutCancel(ctx)), nil
}

func isUsable(key jwkset.JWK) bool {
	alg, err := algorithmOf(key.Key())
	m := key.Marshal()
	return err == nil && m.USE != jwkset.UseEnc && (m.ALG == "" || m.ALG.String() == alg)
}
