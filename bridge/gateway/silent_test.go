package gateway_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/persistence/memstore"
)

// TestSilentMemberLeaves is PRE-19: a member whose connection dies without a word is
// there until the gateway gives the connection up.
func TestSilentMemberLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := start(t, setup{listener: p, policies: live, beside: beings(memstore.NewLocalRosters())})
		ours, theirs := net.Pipe()
		p.conns <- theirs
		frame := append([]byte{0x81, 0x80 | byte(len(enterRoom)), 0, 0, 0, 0}, enterRoom...)
		if _, err := io.WriteString(ours, upgrade+string(frame)); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, ours) }() // hears all, says nothing more
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if got := b.here("room"); got == "" {
			t.Error("the member left while its connection counted")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := b.here("room"); got != "" {
			t.Errorf("%q is still there", got)
		}
		_ = ours.Close()
		b.Close()
	})
}
