package storetest

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/topic"
)

// Options tell the suite about a store. Renumber is required.
type Options struct {
	// Renumber makes seq the newest number of a topic that was never appended to, as
	// if so many events had come and gone. No case counts to 10^14.
	Renumber func(t T, log topic.Log, name string, seq uint64)

	// Bubble runs a case in which time is fake: synctest.Test. nil: time is real.
	Bubble func(t *testing.T, test func(t *testing.T))

	// Unit is the step of the cases about age. A store that keeps real time needs
	// one that is long beside its delays.
	//
	// Defaults to one second.
	Unit time.Duration

	// Sleep lets time pass by the Log's clock.
	//
	// Defaults to time.Sleep.
	Sleep func(log topic.Log, d time.Duration)
}

func (o Options) withDefaults() Options {
	if o.Unit == 0 {
		o.Unit = time.Second
	}
	if o.Sleep == nil {
		o.Sleep = func(_ topic.Log, d time.Duration) { time.Sleep(d) }
	}
	return o
}

// T is what a case needs of a *testing.T.
type T interface {
	rapid.TB
	Context() context.Context
}

// A scene is one case's Log and what it is used with.
type scene struct {
	T
	log  topic.Log
	opts Options
}

type logCase struct {
	name string
	run  func(s *scene)
	// clocked cases measure how long the store takes, and so are kept out of bubbles.
	clocked bool
}

var logCases = []logCase{
	{name: "REP-01/numbers_count_from_1_in_order", run: countsFromOne},
	{name: "REP-01/a_batch_keeps_its_order", run: batchKeepsOrder},
	{name: "REP-01/concurrent_batches_leave_no_hole", run: concurrentBatches},
	{name: "REP-01/readers_beside_writers_see_no_hole", run: readersBesideWriters},
	{name: "REP-01/topics_are_numbered_apart", run: topicsApart},
	{name: "REP-03/read_is_strictly_after", run: strictlyAfter},
	{name: "REP-03/outside_of_what_is_kept", run: outsideOfKept},
	{name: "REP-03/limit", run: limits},
	{name: "REP-03/much_at_once", run: muchAtOnce},
	{name: "REP-06/size_1_and_2", run: smallSizes},
	{name: "REP-06/a_batch_larger_than_size", run: batchLargerThanSize},
	{name: "REP-06/a_smaller_size_holds_for_reads", run: smallerSize},
	{name: "REP-06/readers_beside_trimming", run: readersBesideTrimming},
	{name: "REP-11/clear_begins_a_new_epoch", run: clearBeginsEpoch},
	{name: "REP-11/epoch_is_stable", run: epochIsStable},
	{name: "REP-11/clear_before_the_first_event", run: clearBeforeFirst},
	{name: "REP-11/readers_beside_clear", run: readersBesideClear},
	{name: "REP-12/data_byte_for_byte", run: dataByteForByte},
	{name: "REP-12/names_of_events", run: eventNames},
	{name: "REP-12/records_say_when", run: recordsSayWhen},
	{name: "REP-16/ttl_ages_each_record", run: ttlAgesRecords},
	{name: "REP-16/head_outlives_records", run: headOutlivesRecords},
	{name: "REP-16/ttl_0_keeps", run: ttlZeroKeeps},
	{name: "REP-17/clear_one_topic_only", run: clearOneTopic},
	{name: "REP-17/names_do_not_collide", run: namesDoNotCollide},
	{name: "REP-27/beyond_2^31_and_10^14", run: largeNumbers},
	{name: "REP-28/read_costs_what_it_returns", run: readCost, clocked: true},
	{name: "STR-02/concurrent_identical_requests", run: identicalRequests},
	{name: "STR-02/duplicates_inside_a_batch", run: duplicatesInBatch},
	{name: "STR-03/other_id_or_topic_is_fresh", run: otherIDOrTopic},
	{name: "STR-03/ids_do_not_collide", run: idsDoNotCollide},
	{name: "STR-04/duplicate_changes_nothing", run: duplicateChangesNothing},
	{name: "STR-04/id_outlives_its_record", run: idOutlivesRecord},
	{name: "STR-05/fresh_after_dedup", run: freshAfterDedup},
	{name: "STR-05/dedup_counts_from_the_first", run: dedupCountsFromFirst},
	{name: "STR-05/dedup_0_remembers_none", run: dedupZero},
	{name: "STR-05/clear_forgets_ids", run: clearForgetsIDs},
	{name: "context/ended_before", run: contextEnded},
	{name: "empty/batch", run: emptyBatch},
	{name: "renew/changes_the_epoch", run: renewChangesEpoch},
	{name: "renew/once", run: renewOnce},
	{name: "renew/says_when", run: renewSaysWhen},
	{name: "renew/ended_before", run: renewEnded},
	{name: "model/random_calls", run: randomCalls},
}

// Log runs the suite. Open returns an empty Log and leaves closing it to t.Cleanup;
// every case calls it once.
func Log(t *testing.T, open func(t *testing.T) topic.Log, opts Options) {
	t.Helper()
	if opts.Renumber == nil {
		t.Fatal("storetest: Options.Renumber is required")
	}
	opts = opts.withDefaults()
	for _, c := range logCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T) { c.run(&scene{T: t, log: open(t), opts: opts}) }
			if opts.Bubble == nil || c.clocked {
				test(t)
				return
			}
			opts.Bubble(t, test)
		})
	}
}
