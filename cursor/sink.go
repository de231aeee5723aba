package cursor

import (
	"bytes"
	"strings"
	"time"
)

// sink is what the Relay sees of Boards. Its methods run on the Relay's goroutines.
type sink Boards

func (s *sink) Received(name string, raw []byte) {
	b := (*Boards)(s)
	of, ok := strings.CutPrefix(name, prefix)
	if !ok || bytes.HasPrefix(raw, b.ownHead) {
		return
	}
	f, err := decodeFrame(raw)
	if err != nil {
		b.metrics.invalid.Inc()
		return
	}
	// A full mailbox costs a frame: the next one leaves a hole that shows it.
	_, _ = b.keeper.TellExisting(of, &relayed{frame: f})
}

func (s *sink) Restored(name string, _ time.Time) {
	if of, ok := strings.CutPrefix(name, prefix); ok {
		_, _ = (*Boards)(s).keeper.TellExisting(of, &restored{})
	}
}
