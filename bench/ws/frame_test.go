package ws_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/troupe-rt/troupe/bench/ws"
)

func TestHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 125, 126, 127, 0xFFFF, 0x10000, 300_000} {
		payload := bytes.Repeat([]byte{'x'}, length)
		for name, frame := range map[string][]byte{
			"server": ws.AppendServer(nil, ws.Text, payload),
			"client": ws.AppendClient(nil, ws.Text, payload),
		} {
			h, err := ws.ParseHeader(frame)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, length, err)
			}
			if h.Length != length || h.Opcode != ws.Text || !h.Final || h.Masked != (name == "client") {
				t.Errorf("%s, %d bytes: got %+v", name, length, h)
			}
			if !bytes.Equal(frame[h.Size:], payload) {
				t.Errorf("%s, %d bytes: payload differs", name, length)
			}
			for cut := range h.Size {
				if _, err := ws.ParseHeader(frame[:cut]); !errors.Is(err, ws.ErrShort) {
					t.Errorf("%s, %d of %d header bytes: got %v, want ErrShort", name, cut, h.Size, err)
				}
			}
		}
	}
}

func TestHeaderRefusesWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"reserved bit":        {0xC1, 0},
		"unknown opcode":      {0x83, 0},
		"unknown control":     {0x8B, 0},
		"long ping":           {0x89, 126, 0, 126},
		"fragmented ping":     {0x09, 0},
		"absurd length":       {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
		"length with top bit": {0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, err := ws.ParseHeader(b); !errors.Is(err, ws.ErrFrame) {
			t.Errorf("%s: got %v, want ErrFrame", name, err)
		}
	}
}

func TestUnmask(t *testing.T) {
	t.Parallel()
	// The example of RFC 6455, section 5.7.
	frame := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}
	h, err := ws.ParseHeader(frame)
	if err != nil {
		t.Fatal(err)
	}
	payload := frame[h.Size : h.Size+h.Length]
	ws.Unmask(payload, h.Mask)
	if string(payload) != "Hello" {
		t.Errorf("got %q", payload)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	request := ws.Request("127.0.0.1:80", "/ws")
	if n, path := ws.ParseRequest(append(request, "rest"...)); n != len(request) || path != "/ws" {
		t.Errorf("request: got %d bytes and %q, want %d", n, path, len(request))
	}
	response := ws.Response()
	for cut := range response {
		if n, err := ws.ParseResponse(response[:cut]); n != 0 || err != nil {
			t.Fatalf("%d of %d bytes: got %d, %v", cut, len(response), n, err)
		}
	}
	if n, err := ws.ParseResponse(append(response, "rest"...)); n != len(response) || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, len(response))
	}
	for name, answer := range map[string]string{
		"refused":   "HTTP/1.1 403 Forbidden\r\n\r\n",
		"wrong key": "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
		"endless":   string(bytes.Repeat([]byte("x"), ws.MaxHandshake+1)),
	} {
		if _, err := ws.ParseResponse([]byte(answer)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(ws.AppendServer(nil, ws.Text, []byte("hello")))
	f.Add(ws.AppendClient(nil, ws.Ping, nil))
	f.Add(ws.AppendServer(nil, ws.Binary, make([]byte, 70_000))[:20])
	f.Add([]byte{0x81, 127, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ws.ParseHeader(b)
		if err != nil {
			return
		}
		if h.Size < 2 || h.Size > 14 || h.Size > len(b) || h.Length < 0 || h.Length > ws.MaxPayload {
			t.Fatalf("header %+v of %d bytes", h, len(b))
		}
	})
}

func FuzzParseHandshake(f *testing.F) {
	f.Add(ws.Response())
	f.Add(ws.Request("127.0.0.1:1", "/ws"))
	f.Add([]byte("HTTP/1.1 101\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := ws.ParseResponse(b); n < 0 || n > len(b) || (n > 0 && err != nil) {
			t.Fatalf("response: %d of %d, %v", n, len(b), err)
		}
		if n, _ := ws.ParseRequest(b); n < 0 || n > len(b) {
			t.Fatalf("request: %d of %d", n, len(b))
		}
	})
}
