package pgstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// late is a call with the number of one that was made before, as the server sees it that comes late.
func late(t *testing.T, r *Rosters, number int64, life string, op roster.Op) (state string) {
	t.Helper()
	args := []any{r.channel, []byte("r"), []byte(life), [][]byte{[]byte(op.Key)}, [][]byte{op.Value}, 0, randomID(), r.mark(life), r.writer, number}
	err := r.db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, r.sql.apply, args...).Scan(&state, nil, nil, nil, nil, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// A call that was given up and reaches Postgres late undoes nothing that came after it.
func TestRosterLateCalls(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	for name, tt := range map[string]struct {
		first []roster.Op // before
		late  roster.Op   // is given up
		then  []roster.Op // comes after it
		want  string
	}{
		"a put after the drop":         {[]roster.Op{showing("stays", "1")}, showing("k", "late"), []roster.Op{{Key: "k"}}, "stays=1"},
		"a put after the last drop":    {[]roster.Op{showing("k", "1")}, showing("k", "late"), []roster.Op{{Key: "k"}}, ""},
		"the first put after its drop": {nil, showing("k", "late"), []roster.Op{{Key: "k"}}, ""},
		"a put after nothing":          {nil, showing("k", "late"), nil, ""},
		"a drop after the put":         {[]roster.Op{showing("k", "1")}, roster.Op{Key: "k"}, []roster.Op{showing("k", "2")}, "k=2"},
		"a put after another":          {[]roster.Op{showing("k", "1")}, showing("k", "late"), []roster.Op{showing("k", "2")}, "k=2"},
		"a put after one of another":   {[]roster.Op{showing("k", "1"), showing("l", "1")}, showing("k", "late"), []roster.Op{showing("l", "2")}, "k=1 l=2"},
	} {
		emptyRosters(t, r.db, url)
		applyOps(t, r, tt.first...)
		number := r.number.Add(1)
		after := applyOps(t, r, tt.then...)
		if state := late(t, r, number, "x", tt.late); state != "late" {
			t.Errorf("%s: %q", name, state)
		}
		if n := wantMembers(t, r, "r", tt.want); n.Version != after.Version {
			t.Errorf("%s: version %d, want %d", name, n.Version, after.Version)
		}
	}
}

// That holds also where the roster was closed and opened between, or began anew, or the life's row was to be forgotten.
func TestRosterLateAfterClose(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	for name, between := range map[string]func() error{
		"closed": func() error {
			return errors.Join(r.Close(t.Context(), "r", time.Hour), r.Reopen(t.Context(), "r"))
		},
		"lost": func() error {
			pgtest.Exec(t, url, r.db.SQL(`delete from {schema}.rosters`))
			return nil
		},
		"tasks": func() error {
			runTasks(t, r.Tasks())
			return nil
		},
	} {
		emptyRosters(t, r.db, url)
		number := r.number.Add(1)
		applyOps(t, r, showing("k", "1"))
		applyOps(t, r, roster.Op{Key: "k"})
		if err := between(); err != nil {
			t.Fatal(err)
		}
		if state := late(t, r, number, "x", showing("k", "late")); state != "late" {
			t.Errorf("%s: %q", name, state)
		}
		wantMembers(t, r, "r", "")
	}
}

// A zombie whose put comes after it was buried changes nothing, and one whose put was under way is found by Bury.
func TestRosterLateAfterBury(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	number := r.number.Add(1)
	if err := r.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if state := late(t, r, number, "x", showing("k", "late")); state != "buried" {
		t.Errorf("after Bury: %q", state)
	}
	wantMembers(t, r, "r", "")

	// Its transaction has made the row, and is not at its end when Bury begins.
	other := pgtest.Open(t, url, pgdb.Config{Timeout: 20 * time.Second})
	began, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 2)
	go func() {
		done <- other.Tx(context.Background(), func(ctx context.Context, q pgdb.Querier) error {
			args := []any{r.channel, []byte("r"), []byte("zombie"), [][]byte{[]byte("k")}, [][]byte{[]byte("1")}, 0, randomID(), r.mark("zombie"), 1, 1}
			_, err := q.Exec(ctx, r.sql.apply, args...)
			close(began)
			<-end
			return err
		})
	}()
	<-began
	go func() { done <- NewRosters(other).Bury(context.Background(), "zombie") }()
	pgtest.Eventually(t, 10*time.Second, "Bury waits", func() error {
		if ask[int](t, url, `select count(*) from pg_locks where locktype = 'advisory' and not granted`) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	close(end)
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if n := wantMembers(t, r, "r", ""); n.Version != 2 {
		t.Errorf("version %d", n.Version)
	}
}

// Calls of one life on one roster go one after the other, of others beside each other; who waits can give up.
func TestRosterLines(t *testing.T) {
	t.Parallel()
	var all lines
	leave, err := all.enter(t.Context(), "r", "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []lineKey{{"r", "y"}, {"s", "x"}} {
		beside, err := all.enter(t.Context(), key.name, key.life)
		if err != nil {
			t.Fatal(err)
		}
		beside()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.enter(ctx, "r", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	next := make(chan func())
	go func() {
		leave, err := all.enter(context.Background(), "r", "x")
		if err != nil {
			t.Error(err)
		}
		next <- leave
	}()
	select {
	case <-next:
		t.Error("two at once")
	case <-time.After(20 * time.Millisecond):
	}
	leave()
	(<-next)()
	if len(all.lines) > 0 {
		t.Errorf("%d lines stay", len(all.lines))
	}
}
