package check

import "bytes"

// A Mark identifies one published message.
type Mark struct {
	Publisher uint8
	Number    uint32 // 1, 2, 3 ... per publisher and topic
	At        uint64 // nanoseconds on the load client's clock, below 2^48
}

const (
	lead   = `{"m":"@`
	digits = 2 + 8 + 12 // of publisher, number and time, four bits each
	tail   = `","p":"`
	shut   = `"}`

	// MinPayload is the shortest payload that holds a mark, in bytes.
	MinPayload = len(lead) + digits + len(tail) + len(shut)
)

var leadBytes = []byte(lead)

// AppendPayload appends a JSON object of size bytes that carries the mark.
// A size below MinPayload is raised to it.
func AppendPayload(dst []byte, m Mark, size int) []byte {
	dst = append(dst, lead...)
	dst = appendDigits(dst, uint64(m.Publisher), 2)
	dst = appendDigits(dst, uint64(m.Number), 8)
	dst = appendDigits(dst, m.At, 12)
	dst = append(dst, tail...)
	for range size - MinPayload {
		dst = append(dst, 'x')
	}
	return append(dst, shut...)
}

// The digits are the letters a to p: no JSON encoder escapes them, and a value
// is one subtraction.
func appendDigits(dst []byte, v uint64, n int) []byte {
	for shift := 4 * (n - 1); shift >= 0; shift -= 4 {
		dst = append(dst, 'a'+byte(v>>shift&0xF))
	}
	return dst
}

// Scan calls see for every mark in message, in order, and returns how many
// there were.
func Scan(message []byte, see func(Mark)) int {
	found := 0
	for {
		i := bytes.Index(message, leadBytes)
		if i < 0 || len(message)-i-len(lead) < digits {
			return found
		}
		message = message[i+len(lead):]
		if m, ok := parse(message[:digits]); ok {
			see(m)
			found++
			message = message[digits:]
		}
	}
}

func parse(b []byte) (Mark, bool) {
	var bad byte
	number := func(b []byte) (v uint64) {
		for _, c := range b {
			bad |= (c - 'a') & 0xF0
			v = v<<4 | uint64((c-'a')&0xF)
		}
		return v
	}
	m := Mark{Publisher: uint8(number(b[:2])), Number: uint32(number(b[2:10])), At: number(b[10:digits])}
	return m, bad == 0
}
