package storetest

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A broken Log and the cases that must notice.
type broken struct {
	name   string
	faults faults
	caught []string
}

var breaks = slices.Concat(breaksOfNumbers, breaksOfIDs, breaksOfContent, breaksOfRenewing)

var breaksOfNumbers = []broken{
	{
		"numbers from 0",
		faults{appended: func(_ *plainTopic, a *topic.Appended) {
			for i := range a.Results {
				a.Results[i].Seq--
			}
		}},
		[]string{"REP-01/numbers_count_from_1_in_order", "REP-01/a_batch_keeps_its_order", "model/random_calls"},
	},
	{
		"a batch in reverse",
		faults{batch: func(b []topic.Entry) []topic.Entry {
			b = slices.Clone(b)
			slices.Reverse(b)
			return b
		}},
		[]string{"REP-01/a_batch_keeps_its_order", "REP-06/a_batch_larger_than_size"},
	},
	{
		"numbering without a lock",
		faults{gap: func() { time.Sleep(time.Microsecond) }},
		[]string{"REP-01/concurrent_batches_leave_no_hole", "REP-01/readers_beside_writers_see_no_hole",
			"STR-02/concurrent_identical_requests"},
	},
	{
		"one numbering for all topics",
		faults{fresh: func(l *plainLog, _ string, p *plainTopic) {
			for _, other := range l.topics {
				p.head = max(p.head, other.head)
			}
		}},
		[]string{"REP-01/topics_are_numbered_apart", "STR-03/other_id_or_topic_is_fresh", "model/random_calls"},
	},
	{
		"a number for every duplicate",
		faults{appended: func(p *plainTopic, a *topic.Appended) {
			for _, r := range a.Results {
				if r.Duplicate {
					p.head++
				}
			}
		}},
		[]string{"STR-02/duplicates_inside_a_batch", "STR-04/duplicate_changes_nothing", "model/random_calls"},
	},
	{
		"a new epoch for a duplicate",
		faults{appended: func(p *plainTopic, a *topic.Appended) {
			for _, r := range a.Results {
				if r.Duplicate {
					p.epoch += "x"
					a.Epoch = p.epoch
				}
			}
		}},
		[]string{"STR-04/duplicate_changes_nothing"},
	},
	{
		"reads from a number on",
		faults{page: func(p *topic.Page, after uint64, limit int) {
			if len(p.Records) > 0 && after >= p.Oldest {
				p.Records = append([]topic.Record{{Seq: after}}, p.Records...)
			}
		}},
		[]string{"REP-03/read_is_strictly_after", "model/random_calls"},
	},
	{
		"limits are hints",
		faults{page: func(p *topic.Page, after uint64, limit int) {
			if len(p.Records) == limit && len(p.Records) > 0 {
				p.Records = p.Records[1:]
			}
		}},
		[]string{"REP-03/limit", "model/random_calls"},
	},
	{
		"oldest is 1 for ever",
		faults{page: func(p *topic.Page, _ uint64, _ int) { p.Oldest = 1 }},
		[]string{"REP-03/outside_of_what_is_kept", "REP-06/size_1_and_2"},
	},
	{
		"trimmed about",
		faults{keep: func(k topic.Retention) topic.Retention { k.Size += 10; return k }},
		[]string{"REP-06/size_1_and_2", "REP-06/a_batch_larger_than_size", "REP-06/a_smaller_size_holds_for_reads",
			"REP-03/outside_of_what_is_kept", "REP-06/readers_beside_trimming"},
	},
	{
		"the head goes with the records",
		faults{trimmed: func(p *plainTopic) {
			if len(p.records) == 0 {
				p.head = 0
			}
		}},
		[]string{"REP-16/head_outlives_records", "model/random_calls"},
	},
	{
		"a new epoch when the records are gone",
		faults{trimmed: func(p *plainTopic) {
			if len(p.records) == 0 {
				p.epoch += "x"
			}
		}},
		[]string{"REP-16/head_outlives_records", "REP-11/epoch_is_stable", "model/random_calls"},
	},
	{
		"the epoch begins with the first event",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			if p.Head.Seq == 0 {
				p.Head.Epoch = "none"
			}
		}},
		[]string{"REP-11/clear_begins_a_new_epoch", "REP-11/epoch_is_stable", "REP-11/clear_before_the_first_event", "empty/batch"},
	},
	{
		"the epoch is the topic's name",
		faults{fresh: func(_ *plainLog, name string, p *plainTopic) { p.epoch = name }},
		[]string{"REP-11/clear_begins_a_new_epoch", "REP-11/clear_before_the_first_event", "model/random_calls"},
	},
	{
		"a new epoch with every append",
		faults{appended: func(p *plainTopic, a *topic.Appended) { p.epoch += "x"; a.Epoch = p.epoch }},
		[]string{"REP-11/epoch_is_stable", "empty/batch", "model/random_calls"},
	},
	{
		"ttl renewed for all by every append",
		faults{appended: func(p *plainTopic, _ *topic.Appended) {
			for i := range p.records {
				p.records[i].At = time.Now()
			}
		}},
		[]string{"REP-16/ttl_ages_each_record", "REP-12/records_say_when"},
	},
	{
		"no ttl",
		faults{keep: func(k topic.Retention) topic.Retention { k.TTL = 0; return k }},
		[]string{"REP-16/ttl_ages_each_record", "REP-16/head_outlives_records", "model/random_calls"},
	},
	{
		"ttl where there is none",
		faults{keep: func(k topic.Retention) topic.Retention { k.TTL = time.Second; return k }},
		[]string{"REP-16/ttl_0_keeps"},
	},
	{
		"clear leaves the identifiers",
		faults{clear: func(l *plainLog, name string) bool {
			p := l.topic(name)
			delete(l.topics, name)
			l.topic(name).ids = p.ids
			return true
		}},
		[]string{"STR-05/clear_forgets_ids", "model/random_calls"},
	},
	{
		"clear takes a pattern",
		faults{clear: func(l *plainLog, name string) bool {
			for other := range l.topics {
				if ok, _ := path.Match(name, other); ok {
					delete(l.topics, other)
				}
			}
			return false
		}},
		[]string{"REP-17/clear_one_topic_only"},
	},
	{
		"clear takes a prefix",
		faults{clear: func(l *plainLog, name string) bool {
			for other := range l.topics {
				if strings.HasPrefix(other, name) {
					delete(l.topics, other)
				}
			}
			return false
		}},
		[]string{"REP-17/clear_one_topic_only"},
	},
	{
		"names in one case",
		faults{name: strings.ToLower},
		[]string{"REP-17/names_do_not_collide"},
	},
	{
		"names cut at the hash tag",
		faults{name: func(n string) string { _, n, _ = strings.Cut(n, "{"); return n }},
		[]string{"REP-17/names_do_not_collide", "REP-17/clear_one_topic_only", "REP-01/topics_are_numbered_apart"},
	},
	{
		"identifiers joined to the name",
		faults{idKey: func(name, id string) (string, string) { return "all", name + ":" + id }},
		[]string{"STR-03/ids_do_not_collide", "STR-05/clear_forgets_ids"},
	},
	{
		"identifiers of all topics together",
		faults{idKey: func(_, id string) (string, string) { return "all", id }},
		[]string{"STR-03/other_id_or_topic_is_fresh", "REP-17/names_do_not_collide"},
	},
	{
		"identifiers end at a NUL",
		faults{idKey: func(name, id string) (string, string) { id, _, _ = strings.Cut(id, "\x00"); return name, id }},
		[]string{"STR-03/ids_do_not_collide"},
	},
}
