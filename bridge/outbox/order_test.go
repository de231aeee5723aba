package outbox_test

import (
	"slices"
	"testing"

	"github.com/troupe-rt/troupe/bridge/outbox"
)

// TestCommitOrder has transactions publish in one order and commit in another.
func TestCommitOrder(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	a, b, c := begin(t, url), begin(t, url), begin(t, url)
	publish(t, a, "room", "a1")
	publish(t, b, "room", "b1")
	publish(t, c, "room", "c1")
	publish(t, a, "room", "a2")
	commit(t, b)
	commit(t, c)
	publish(t, a, "room", "a3")
	commit(t, a)
	start(t, db, topics)
	topics.mustGet(t, "room b1", "room c1", "room a1", "room a2", "room a3")
	mustBe(t, db, 0, 0)
}

// TestLateCommit has a transaction commit that drew its place before others that are long out.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	start(t, db, topics)
	a, b := begin(t, url), begin(t, url)
	publish(t, a, "room", "a1")
	exec(t, a, "set constraints all immediate")
	publish(t, b, "room", "b1")
	commit(t, b)
	topics.mustGet(t, "room b1")
	publish(t, a, "room", "a2")
	commit(t, a)
	topics.mustGet(t, "room b1", "room a1", "room a2")
	mustBe(t, db, 0, 0)
}

// TestRollback looks for rows of transactions and savepoints that were rolled back.
func TestRollback(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	start(t, db, topics)
	a, b := begin(t, url), begin(t, url)
	publish(t, a, "room", "a1")
	if err := a.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "room", "b1")
	exec(t, b, "savepoint s")
	publish(t, b, "room", "b2")
	exec(t, b, "set constraints all immediate")
	exec(t, b, "rollback to s")
	publish(t, b, "room", "b3")
	exec(t, b, "savepoint s")
	publish(t, b, "room", "b4")
	exec(t, b, "release s")
	exec(t, b, "savepoint s")
	publish(t, b, "room", "b5")
	exec(t, b, "rollback to s")
	commit(t, b)
	publish(t, connect(t, url), "room", "c1")
	topics.mustGet(t, "room b1", "room b3", "room b4", "room c1")
	mustBe(t, db, 0, 0)
}

// TestOppositeOrders has two transactions publish to the same topics the other way round, at the same time.
func TestOppositeOrders(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	a, b := begin(t, url), begin(t, url)
	exec(t, a, "set constraints all immediate") // places are drawn as they publish
	exec(t, b, "set constraints all immediate")
	publish(t, a, "x", "a1")
	publish(t, b, "y", "b1")
	publish(t, a, "y", "a2")
	publish(t, b, "x", "b2")
	commit(t, b)
	commit(t, a)
	start(t, db, topics)
	mustBe(t, db, 0, 0)
	if x, y := topics.of("x"), topics.of("y"); !slices.Equal(x, []string{"a1", "b2"}) || !slices.Equal(y, []string{"b1", "a2"}) {
		t.Errorf("x got %q, y got %q", x, y)
	}
}

// TestSchemas has two outboxes in one transaction.
func TestSchemas(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	other := openSchema(t, url, "other")
	topics, others := newFake(), newFake()
	start(t, db, topics)
	start(t, other, others)
	a := begin(t, url)
	publish(t, a, "room", "a1")
	publish(t, a, "room", "a2", outbox.Schema("other"))
	publish(t, a, "room", "a3")
	publish(t, a, "room", "a4", outbox.Schema("other"))
	commit(t, a)
	topics.mustGet(t, "room a1", "room a3")
	others.mustGet(t, "room a2", "room a4")
}
