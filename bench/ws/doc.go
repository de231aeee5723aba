// Package ws is as much of RFC 6455 as a load generator needs: the handshake as
// text, and frames as bytes in a buffer. It does no I/O, allocates nothing per
// frame, and knows no connection.
//
// # Guarantees
//
//   - What is appended is what is parsed, for every length of payload, and a
//     header that is cut anywhere is not mistaken for a whole one:
//     TestHeaderRoundTrip.
//   - No bytes make the parsers panic or announce more than they may:
//     FuzzParseHeader, FuzzParseHandshake.
//
// It is not a WebSocket library. It trusts neither side with lengths (a header
// that announces more than [MaxPayload] is an error), but it does not check
// UTF-8, reserved bits of extensions it never offers, or close codes.
package ws
