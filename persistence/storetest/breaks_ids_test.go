package storetest

import (
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var breaksOfIDs = []broken{
	{
		"no identifiers",
		faults{keep: func(k topic.Retention) topic.Retention { k.Dedup = 0; return k }},
		[]string{"STR-02/concurrent_identical_requests", "STR-02/duplicates_inside_a_batch", "STR-04/id_outlives_its_record",
			"STR-05/dedup_counts_from_the_first", "REP-27/beyond_2^31_and_10^14"},
	},
	{
		"identifiers for ever",
		faults{keep: func(k topic.Retention) topic.Retention { k.Dedup = time.Hour; return k }},
		[]string{"STR-05/fresh_after_dedup", "STR-05/dedup_0_remembers_none", "model/random_calls"},
	},
	{
		"identifiers renewed by duplicates",
		faults{hit: func(id *plainID, now time.Time) { id.at = now }},
		[]string{"STR-05/dedup_counts_from_the_first", "model/random_calls"},
	},
	{
		"identifiers live as long as records",
		faults{trimmed: func(p *plainTopic) {
			for key, id := range p.ids {
				if len(p.records) == 0 || id.seq < p.records[0].Seq {
					delete(p.ids, key)
				}
			}
		}},
		[]string{"STR-04/id_outlives_its_record", "model/random_calls"},
	},
	{
		"a duplicate gets the newest number",
		faults{appended: func(p *plainTopic, a *topic.Appended) {
			for i, r := range a.Results {
				if r.Duplicate {
					a.Results[i].Seq = p.head
				}
			}
		}},
		[]string{"STR-02/duplicates_inside_a_batch", "STR-04/duplicate_changes_nothing"},
	},
	{
		"a duplicate is not called one",
		faults{appended: func(_ *plainTopic, a *topic.Appended) {
			for i := range a.Results {
				a.Results[i].Duplicate = false
			}
		}},
		[]string{"STR-02/concurrent_identical_requests", "STR-02/duplicates_inside_a_batch"},
	},
}
