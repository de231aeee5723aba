package memstore

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	storetest.Cursors(t, func(*testing.T) cursor.Store { return NewCursors() }, storetest.CursorOptions{Bubble: synctest.Test})
}

// Topics that are not used any more hold no memory, though nobody removed their cursors.
func TestCursorsOfOldTopicsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewCursors()
		save := func(topic string) {
			e := cursor.Entry{Key: "k", Number: 1, User: []byte("1"), Data: []byte("1")}
			if err := s.Save(t.Context(), topic, "a", []cursor.Entry{e}, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 1000 {
			save(fmt.Sprint(i))
		}
		time.Sleep(2 * time.Minute)
		for i := range 2000 { // each looks at some of the others
			save(fmt.Sprint("new", i))
		}
		if n := s.Topics(); n > 2300 {
			t.Errorf("%d topics are kept, and 2000 are not over", n)
		}
	})
}
