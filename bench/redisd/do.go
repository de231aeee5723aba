//go:build linux

package redisd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const maxAnswer = 1 << 20

// Do sends one command over a connection of its own and returns a plain answer:
// a text, or a number as text.
func (s *Server) Do(ctx context.Context, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return "", fmt.Errorf("redisd: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", fmt.Errorf("redisd: %w", err)
	}
	command := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write(command); err != nil {
		return "", fmt.Errorf("redisd: %s: %w", words[0], err)
	}
	answer, err := readAnswer(bufio.NewReader(conn))
	if err != nil {
		return "", fmt.Errorf("redisd: %s: %w", words[0], err)
	}
	return answer, nil
}

func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", fmt.Errorf("redis says %q", rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n > maxAnswer {
			return "", fmt.Errorf("an answer of length %q", rest)
		}
		text := make([]byte, n)
		_, err = io.ReadFull(r, text)
		return string(text), err
	}
	return "", fmt.Errorf("an answer of kind %q", kind)
}

// CPU is the time that the server has spent since it was started, user and
// system, by its own account (INFO cpu).
func (s *Server) CPU(ctx context.Context) (time.Duration, error) {
	info, err := s.Do(ctx, "INFO", "cpu")
	if err != nil {
		return 0, err
	}
	var sum float64
	found := 0
	for line := range strings.SplitSeq(info, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if name != "used_cpu_sys" && name != "used_cpu_user" {
			continue
		}
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("redisd: INFO cpu: %w", err)
		}
		sum += seconds
		found++
	}
	if found != 2 {
		return 0, fmt.Errorf("redisd: INFO cpu does not tell the time: %.200q", info)
	}
	return time.Duration(sum * float64(time.Second)), nil
}
