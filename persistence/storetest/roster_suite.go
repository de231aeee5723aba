package storetest

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A RosterStore is what keeps rosters, in all its roles.
type RosterStore interface {
	roster.Store
	roster.Closer
	roster.Notebook
}

// A RosterBackend is a RosterStore and what the suite needs to look at it from outside. All
// fields are required.
type RosterBackend struct {
	Store RosterStore

	// Relay brings what the Store sends, in order and without loss, and after it what
	// is published on the Relay itself when the Store's call has returned.
	Relay topic.Relay

	// Empty loses everything that the Store keeps.
	Empty func()
}

// RosterOptions tell the suite about a RosterStore.
type RosterOptions struct {
	// Bubble runs a case in which time is fake: synctest.Test. nil: time is real.
	Bubble func(t *testing.T, test func(t *testing.T))

	// Unit is the time for which cases close a roster. A store that keeps real time needs
	// one that is long beside its delays.
	//
	// Defaults to one second.
	Unit time.Duration
}

// A rosterScene is one case's store.
type rosterScene struct {
	T
	RosterBackend
	unit time.Duration
}

type rosterCase struct {
	name string
	run  func(s *rosterScene)
}

var rosterCases = []rosterCase{
	{"PRE-01/a_put_is_seen_by_all", putIsSeen},
	{"PRE-03/no_change_no_version", noChangeNoVersion},
	{"PRE-05/a_member_of_two_nodes_counts_once", memberCountsOnce},
	{"PRE-12/the_last_put_wins", lastPutWins},
	{"PRE-13/an_older_value_comes_back", olderValueComesBack},
	{"PRE-14/drops_of_what_is_not_there", dropsOfNothing},
	{"PRE-16/unknown_rosters_are_empty", unknownIsEmpty},
	{"PRE-30/names_lives_and_keys_do_not_interfere", rosterNamesApart},
	{"PRE-30/keys_and_values_byte_for_byte", rosterBytes},
	{"apply/changes_are_in_the_order_of_the_ops", changesInOrder},
	{"apply/as_much_as_the_port_allows", largestApply},
	{"apply/what_the_port_does_not_allow", notAllowed},
	{"apply/concurrent_calls_have_one_order", concurrentApplies},
	{"apply/an_empty_roster_keeps_its_place", emptyKeepsPlace},
	{"PRE-28/lost_data_begins_another_epoch", lostDataBeginsEpoch},
	{"max/in_the_order_of_the_ops", maxInOrder},
	{"max/members_of_other_nodes_count", maxAcrossLives},
	{"GRP-15/the_dead_do_not_block_a_join", deadDoNotBlock},
	{"GRP-18/10,000_members", manyMembers},
	{"PRE-21/bury_drops_what_a_life_shows", buryDrops},
	{"PRE-21/bury_brings_back_older_values", buryRestores},
	{"bury/on_rosters_that_are_named", buryNamed},
	{"bury/again_changes_nothing", buryAgain},
	{"bury/twice_at_once_tells_once", buryBeside},
	{"bury/interrupted_and_repeated", buryInterrupted},
	{"bury/the_dead_do_nothing", deadDoNothing},
	{"bury/beside_calls_of_the_dead", buryBesideCalls},
	{"GRP-11/close_ends_the_roster", closeEnds},
	{"GRP-12/closing_again", closeAgain},
	{"GRP-13/a_closed_name_can_be_used_again", reopens},
	{"GRP-13/a_closed_name_opens_in_time", opensInTime},
	{"GRP-13/reopen_does_nothing_to_an_open_roster", reopenOpen},
	{"GRP-10/notes", notes},
	{"context/ended_before", rosterContextEnded},
	{"model/random_calls_of_rosters", randomRosterCalls},
}

// Rosters runs the suite of stores of rosters. Open returns an empty one and leaves closing
// it to t.Cleanup; every case calls it once.
func Rosters(t *testing.T, open func(t *testing.T) RosterBackend, opts RosterOptions) {
	t.Helper()
	if opts.Unit == 0 {
		opts.Unit = time.Second
	}
	for _, c := range rosterCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T) { c.run(&rosterScene{t, open(t), opts.Unit}) }
			if opts.Bubble == nil {
				test(t)
				return
			}
			opts.Bubble(t, test)
		})
	}
}
