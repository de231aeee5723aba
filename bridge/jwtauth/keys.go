package jwtauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
)

const (
	minSecret = 32 // bytes: RFC 7518 §3.2
	minRSA    = 2048
)

// keys is what Config.Keys stands for: one of these.
type keys struct {
	url    string
	secret []byte
	public map[string][]any // by algorithm
}

// maxKeyFile bounds a file of keys, which may be any file by mistake.
const maxKeyFile = 1 << 20

func readKeyFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxKeyFile {
		return "", fmt.Errorf("%s is larger than 1 MiB, which no file of keys is", path)
	}
	return string(content), nil
}

// keys reads Keys and returns all that is wrong with it and with Algorithms.
func (c Config) keys() (keys, []error) {
	faults := c.algorithmFaults()
	text := c.Keys
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := readKeyFile(strings.TrimPrefix(path, "//"))
		if err != nil {
			return keys{}, append(faults, fmt.Errorf("keys: %w", err))
		}
		text = strings.TrimSpace(content)
	}
	var k keys
	var err error
	hmac := slices.Contains(c.Algorithms, HS256)
	switch {
	case text == "":
		err = errors.New("a secret, public keys in PEM, file:PATH, or the https URL of a key set is required")
	case strings.HasPrefix(c.Keys, "https://"), strings.HasPrefix(c.Keys, "http://"):
		k.url, err = readURL(c.Keys, hmac)
	case strings.Contains(text, "-----BEGIN "):
		k.public, err = readPEM([]byte(text), c.Algorithms, hmac)
	default:
		k.secret, err = readSecret(text, c.Algorithms, hmac)
	}
	if err != nil {
		faults = append(faults, fmt.Errorf("keys: %w", err))
	}
	return k, faults
}

func readURL(text string, hmac bool) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("the URL can not be read") // err would quote it
	case hmac:
		return "", errors.New("a key set holds public keys, which do not go with HS256")
	}
	return text, checkURL(u)
}

func readSecret(text string, algorithms []string, hmac bool) ([]byte, error) {
	switch {
	case !hmac && len(algorithms) > 0:
		return nil, errors.New("a secret goes only with HS256: give public keys in PEM, file:PATH, or the https URL of a key set")
	case len(text) < minSecret:
		return nil, fmt.Errorf("the secret has %d bytes, of at least %d", len(text), minSecret)
	}
	return []byte(text), nil
}

func readPEM(text []byte, algorithms []string, hmac bool) (map[string][]any, error) {
	if hmac {
		return nil, errors.New("a public key is no secret, and does not go with HS256")
	}
	public := make(map[string][]any)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		key, err := readBlock(block)
		if err != nil {
			return nil, err
		}
		alg, err := algorithmOf(key)
		if err != nil {
			return nil, err
		}
		public[alg] = append(public[alg], key)
	}
	if len(bytes.TrimSpace(text)) > 0 || len(public) == 0 {
		return nil, errors.New("some of the PEM can not be read")
	}
	for _, alg := range algorithms {
		if len(public[alg]) == 0 {
			return nil, fmt.Errorf("there is no key for %s", alg)
		}
	}
	return public, nil
}

func readBlock(block *pem.Block) (any, error) {
	var key any
	var err error
	switch {
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("this is a private key, which only the issuer of tokens should have: give the public one")
	case block.Type == "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	default:
		return nil, fmt.Errorf("PEM of type %q is not a public key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("PEM of type %s: %w", block.Type, err)
	}
	return key, nil
}

// algorithmOf says which algorithm a public key is for, the only one that it is ever
// used with.
func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return "", fmt.Errorf("an RSA key has %d bits, of at least %d", k.N.BitLen(), minRSA)
		}
		return RS256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("an elliptic key is not on the curve P-256 of ES256")
		}
		return ES256, nil
	case ed25519.PublicKey:
		return EdDSA, nil
	}
	return "", fmt.Errorf("a key of type %T is for none of RS256, ES256, EdDSA", key)
}
