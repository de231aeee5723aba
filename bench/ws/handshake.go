package ws

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
)

// The client's key is the example of RFC 6455. One key for all connections is
// enough: it only proves that the server speaks the protocol.
const (
	key  = "dGhlIHNhbXBsZSBub25jZQ=="
	guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// MaxHandshake is the longest handshake accepted from either side, in bytes.
const MaxHandshake = 16 << 10

// Request is the opening handshake of a client.
func Request(host, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, key)
}

// Response answers a client's opening handshake that Request wrote.
func Response() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", acceptKey())
}

var wantAccept = []byte(acceptKey())

func acceptKey() string {
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ParseResponse reads a server's answer at the start of b and returns its
// length in bytes, 0 if it is not complete yet. An answer other than 101, and
// one whose accept key is wrong, is an error that quotes the status line.
func ParseResponse(b []byte) (int, error) {
	end := headEnd(b)
	if end == 0 {
		if len(b) > MaxHandshake {
			return 0, fmt.Errorf("ws: handshake answer is longer than %d bytes", MaxHandshake)
		}
		return 0, nil
	}
	status, _, _ := bytes.Cut(b[:end], []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return 0, fmt.Errorf("ws: upgrade refused: %q", status)
	}
	if !bytes.Contains(b[:end], wantAccept) {
		return 0, fmt.Errorf("ws: upgrade answered with a wrong accept key")
	}
	return end, nil
}

// ParseRequest returns the length of the HTTP request head at the start of b,
// 0 if it is not complete yet, and the path asked for.
func ParseRequest(b []byte) (length int, path string) {
	end := headEnd(b)
	if end == 0 {
		return 0, ""
	}
	if fields := bytes.Fields(b[:end]); len(fields) > 1 {
		path = string(fields[1])
	}
	return end, path
}

func headEnd(b []byte) int {
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return i + 4
	}
	return 0
}
