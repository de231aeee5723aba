package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

// hand moves a cursor on a node, and points waits until another one sees so many.
func hand(t *testing.T, n *Node, of, key string) {
	t.Helper()
	if err := n.Cursors().Move(of, cursor.Mover{Key: key}, []byte(`{"x":1}`)); err != nil {
		t.Fatal(err)
	}
}

func points(t *testing.T, n *Node, of string, want int) {
	t.Helper()
	eventually(t, func() string {
		list, err := n.Cursors().List(t.Context(), of)
		return map[bool]string{true: fmt.Sprint(list, err, " want ", want)}[err != nil || len(list) != want]
	})
}

// The cursors of a node that is killed vanish with it, long before they would expire; those of one that
// drains at once.
func TestCursorsGoWithTheirNode(t *testing.T) { onPeace(t, testCursorsGoWithTheirNode) }

func testCursorsGoWithTheirNode(t *testing.T, server shared) {
	both := nodesOn(t, server, 2)
	a, b := both[0], both[1]
	c, kill := killable(t, server, "c")
	r := newRoll() // follows the board, so that a knows it
	if err := a.Cursors().Attach("canvas", r, r); err != nil {
		t.Fatal(err)
	}
	hand(t, a, "canvas", "1")
	hand(t, b, "canvas", "2")
	hand(t, c, "canvas", "3")
	points(t, a, "canvas", 3)
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	points(t, a, "canvas", 2)
	kill()
	began := time.Now()
	points(t, a, "canvas", 1)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the cursor stayed for %v", took)
	}
}
