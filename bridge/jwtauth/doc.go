// Package jwtauth tells who sends a request, by a signed token: a JSON Web Token
// (RFC 7519) that somebody else issued. It verifies and never signs.
//
// The token is taken from the first of these places that has one: the header
// Authorization: Bearer, the pair of subprotocols troupe and bearer.<token> in
// Sec-WebSocket-Protocol, which is what a browser can send, and a cookie where one is
// configured.
//
// # Guarantees
//
//   - Only the algorithms of [Config.Algorithms] are accepted, each with keys of its kind;
//     none never is, and a public key never serves as a secret
//     (TestRefusesForgedTokens).
//   - A token without an expiry, that has expired, is not valid yet, or is for
//     another audience or of another issuer is refused (TestChecksClaims).
//   - No error, log line or metric contains a token or a part of one (TestErrorsTellNoSecrets).
//   - A token longer than [MaxToken] is refused unread (TestTokenPlaces).
//   - All faults of a Config are reported at once (TestFaults).
//   - A key set that can not be fetched neither keeps a program from starting nor
//     takes away the keys that it had (TestKeySetDownAtStart, TestKeySetDownLater).
//   - Tokens that name unknown keys cause at most one fetch in [UnknownKeyInterval],
//     however many there are (TestUnknownKeysAreBounded).
//
// # Messages
//
// None: a Verifier is called directly, by any number of goroutines.
//
// # Failure
//
// [ErrMissing] and [ErrInvalid] are the client's doing, [ErrUnavailable] is ours: there are
// no keys yet. The Verifier goes on trying by itself.
package jwtauth
