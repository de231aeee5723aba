//go:build !unix

package gateway

import (
	"net"
	"syscall"
)

// rawConn returns nil: sockets are written by a goroutine each while they have
// something to write.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readNow(uintptr, []byte) (int, bool, error) { return 0, false, net.ErrClosed }

func writeNow(uintptr, []byte) (int, error) { return 0, net.ErrClosed }

type rawWriter struct{}

func newRawWriter() *rawWriter { return &rawWriter{} }

func (*rawWriter) write(syscall.RawConn, []byte) (int, error) { return 0, net.ErrClosed }
