package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

var (
	//go:embed lua/cursors_common.lua
	cursorsCommonLua string
	//go:embed lua/cursors_save.lua
	cursorsSaveLua string
	//go:embed lua/cursors_load.lua
	cursorsLoadLua string

	cursorsSaveScript = redis.NewScript(cursorsCommonLua + cursorsSaveLua)
	cursorsLoadScript = redis.NewScript(cursorsCommonLua + cursorsLoadLua)
)

const (
	// cursorsPage is about how many cursors one call of Load reads, cursorsPages how many
	// calls there are at most.
	cursorsPage, cursorsPages = 200, 10_000
)

var errCursors = errors.New("more entries than Save takes")

// Cursors keeps in Redis where cursors are: a hash for each topic. It is a cursor.Store. Its
// methods are safe for concurrent use; there is nothing to close.
type Cursors struct {
	conn  *redisconn.Conn
	names redisconn.Names

	// By these Redis tells a call that was given up and comes late.
	writer string
	number atomic.Uint64
}

var _ cursor.Store = (*Cursors)(nil)

// NewCursors returns the cursors on a connection, which it does not close.
func NewCursors(conn *redisconn.Conn) *Cursors {
	return &Cursors{conn: conn, names: conn.Names(), writer: newEpoch()}
}

// Save implements cursor.Store, in one script call.
func (s *Cursors) Save(ctx context.Context, topic, life string, entries []cursor.Entry, ttl time.Duration) error {
	if len(entries) == 0 {
		return nil
	}
	if len(entries) > cursor.MaxEntries {
		return fmt.Errorf("redisstore: save cursors: %d: %w", len(entries), errCursors)
	}
	args := make([]any, 3, 3+3*len(entries))
	args[0], args[1], args[2] = s.writer+":"+life, s.number.Add(1), millis(ttl)
	for i := range entries {
		e := &entries[i]
		rest := ""
		if e.Data != nil {
			rest = fmt.Sprintf("%d %d\n%s%s%s", len(life), len(e.User), life, e.User, e.Data)
		}
		args = append(args, e.Key, e.Number, rest)
	}
	if _, err := s.conn.Run(ctx, cursorsSaveScript, []string{s.names.Cursors(topic)}, args...); err != nil {
		return fmt.Errorf("redisstore: save cursors: %w", explain(err))
	}
	return nil
}

// Load implements cursor.Store. It reads in pages, so that others are not kept waiting, and
// drops what it finds expired. What can not be understood is left out.
func (s *Cursors) Load(ctx context.Context, topic string) ([]cursor.Entry, error) {
	found := make(map[string]cursor.Entry)
	next := "0"
	for range cursorsPages {
		answer, err := s.conn.Run(ctx, cursorsLoadScript, []string{s.names.Cursors(topic)}, next, cursorsPage)
		if err != nil {
			return nil, fmt.Errorf("redisstore: load cursors: %w", explain(err))
		}
		list, _ := answer.([]any)
		r := replies{rest: list}
		next = r.text()
		now := r.uint()
		for len(r.rest) > 0 && !r.bad {
			key, value := r.text(), r.text()
			e, ok := readCursor(key, value, now)
			if known, twice := found[e.Key]; ok && (!twice || e.Number >= known.Number) { // a scan may show a field twice
				found[e.Key] = e
			}
		}
		if r.bad {
			return nil, fmt.Errorf("redisstore: load cursors: %w", errAnswer)
		}
		if next == "0" {
			entries := make([]cursor.Entry, 0, len(found))
			for _, e := range found {
				entries = append(entries, e)
			}
			return entries, nil
		}
	}
	return nil, fmt.Errorf("redisstore: load cursors: %w", errRestless)
}

// readCursor reads a field of the hash: number, until, bytes of the life and of the user,
// a line feed, then life, user and data.
func readCursor(field, value string, now uint64) (cursor.Entry, bool) {
	line, rest, ok := strings.Cut(value, "\n")
	words := strings.Split(line, " ")
	key, isKey := strings.CutPrefix(field, "c")
	if !ok || !isKey || len(words) != 4 {
		return cursor.Entry{}, false
	}
	var n [4]uint64
	for i, w := range words {
		var err error
		if n[i], err = strconv.ParseUint(w, 10, 53); err != nil {
			return cursor.Entry{}, false
		}
	}
	size := uint64(len(rest))
	if n[1] <= now || n[1]-now > math.MaxInt64/uint64(time.Millisecond) || n[2] > size || n[3] > size-n[2] || n[2]+n[3] == size {
		return cursor.Entry{}, false
	}
	return cursor.Entry{
		Key: key, Number: n[0], Left: time.Duration(n[1]-now) * time.Millisecond,
		Life: rest[:n[2]], User: []byte(rest[n[2] : n[2]+n[3]]), Data: []byte(rest[n[2]+n[3]:]),
	}, true
}
