// Package ws is as much of RFC 6455 as a load generator needs: the handshake as
// text, and frames as bytes in a buffer. It does no I/O, allocates nothing per
// frame, and knows no connection.
//
// It is not a WebSocket library. It trusts neither side with lengths (a header
// that announces more than [MaxPayload] is an error), but it does not check
// UTF-8, reserved bits of extensions it never offers, or close codes.
package ws
