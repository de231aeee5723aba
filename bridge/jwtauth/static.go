package jwtauth

import (
	"context"

	"github.com/golang-jwt/jwt/v5"
)

// static are keys that stay as they were configured.
type static keys

// key implements keySource. The parser has checked the algorithm.
func (s static) key(token *jwt.Token) (any, error) {
	if s.secret != nil {
		return s.secret, nil
	}
	var set jwt.VerificationKeySet
	for _, key := range s.public[token.Method.Alg()] {
		set.Keys = append(set.Keys, key)
	}
	return set, nil
}

func (static) renew(context.Context) {}
func (static) close()                {}
