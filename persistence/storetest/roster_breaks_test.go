package storetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// Broken RosterStores and the cases that must notice.
type brokenRosters struct {
	name   string
	faults rosterFaults
	caught []string
}

const rosterModelCase = "model/random_calls_of_rosters"

var rosterBreaks = slices.Concat(breaksOfApply, breaksOfMax, breaksOfBury, breaksOfClose)

var breaksOfApply = []brokenRosters{
	{
		"a version for every call",
		rosterFaults{applied: func(p *plainRoster, a *roster.Applied) {
			if len(a.Changes) == 0 {
				p.version++
				a.Version++
			}
		}},
		[]string{"PRE-03/no_change_no_version", "PRE-05/a_member_of_two_nodes_counts_once", "PRE-14/drops_of_what_is_not_there", rosterModelCase},
	},
	{
		"nobody is told",
		rosterFaults{frame: func([]byte) [][]byte { return nil }},
		[]string{"PRE-01/a_put_is_seen_by_all", "apply/concurrent_calls_have_one_order", "GRP-18/10,000_members", "GRP-11/close_ends_the_roster"},
	},
	{
		"all are told twice",
		rosterFaults{frame: func(f []byte) [][]byte { return [][]byte{f, f} }},
		[]string{"PRE-01/a_put_is_seen_by_all", "apply/concurrent_calls_have_one_order", "bury/twice_at_once_tells_once", rosterModelCase},
	},
	{
		"the first put wins",
		rosterFaults{ops: func(p *plainRoster, life string, all []roster.Op) []roster.Op {
			return slices.DeleteFunc(slices.Clone(all), func(op roster.Op) bool { return op.Value != nil && len(p.members[op.Key]) > 0 })
		}},
		[]string{"PRE-12/the_last_put_wins", rosterModelCase},
	},
	{
		"a put does not move a life to the end",
		rosterFaults{ops: func(p *plainRoster, life string, all []roster.Op) []roster.Op {
			return slices.DeleteFunc(slices.Clone(all), func(op roster.Op) bool {
				i := slices.IndexFunc(p.members[op.Key], func(s modelShown) bool { return s.life == life })
				if op.Value == nil || i < 0 {
					return false
				}
				p.members[op.Key][i].value = string(op.Value)
				return true
			})
		}},
		[]string{"PRE-12/the_last_put_wins", "PRE-13/an_older_value_comes_back"},
	},
	{
		"the first drop takes a member off",
		rosterFaults{ops: func(p *plainRoster, life string, all []roster.Op) []roster.Op {
			for _, op := range all {
				if op.Value == nil && p.shows(life, op.Key) {
					p.members[op.Key] = []modelShown{{life, ""}}
				}
			}
			return all
		}},
		[]string{"PRE-05/a_member_of_two_nodes_counts_once", "PRE-13/an_older_value_comes_back", "max/members_of_other_nodes_count"},
	},
	{
		"anyone may drop",
		rosterFaults{ops: func(p *plainRoster, life string, all []roster.Op) []roster.Op {
			for _, op := range all {
				if op.Value == nil && len(p.members[op.Key]) > 0 {
					p.members[op.Key][0].life = life
				}
			}
			return all
		}},
		[]string{"PRE-14/drops_of_what_is_not_there", rosterModelCase},
	},
	{
		"what is unknown has an epoch",
		rosterFaults{load: func(_ *plainRoster, n *roster.Snapshot) { n.Epoch = cmp.Or(n.Epoch, "none") }},
		[]string{"PRE-16/unknown_rosters_are_empty", rosterModelCase},
	},
	{
		"lives that show nobody",
		rosterFaults{check: func(_ *plainRoster, n *roster.Standing) { n.Lives["x"] += 0 }},
		[]string{"PRE-05/a_member_of_two_nodes_counts_once", "bury/beside_calls_of_the_dead", "apply/an_empty_roster_keeps_its_place"},
	},
	{
		"names cut at the hash tag",
		rosterFaults{name: func(n string) string { _, n, _ = strings.Cut(n, "{"); return n }},
		[]string{"PRE-30/names_lives_and_keys_do_not_interfere", "PRE-21/bury_drops_what_a_life_shows"},
	},
	{
		"values are lines",
		rosterFaults{ops: func(_ *plainRoster, _ string, all []roster.Op) []roster.Op {
			all = slices.Clone(all)
			for i, op := range all {
				if op.Value != nil {
					all[i].Value, _, _ = bytes.Cut(op.Value, []byte("\n"))
				}
			}
			return all
		}},
		[]string{"PRE-30/keys_and_values_byte_for_byte"},
	},
	{
		"changes in the order of their keys",
		rosterFaults{applied: func(_ *plainRoster, a *roster.Applied) {
			a.Changes = slices.Clone(a.Changes)
			slices.SortFunc(a.Changes, func(a, b roster.Change) int { return cmp.Compare(a.Key, b.Key) })
		}},
		[]string{"apply/changes_are_in_the_order_of_the_ops", rosterModelCase},
	},
	{
		"at most 1,000 ops",
		rosterFaults{ops: func(_ *plainRoster, _ string, all []roster.Op) []roster.Op { return all[:min(len(all), 1000)] }},
		[]string{"apply/as_much_as_the_port_allows", "GRP-18/10,000_members"},
	},
	{
		"anything goes",
		rosterFaults{allow: func(string, []roster.Op) bool { return true }},
		[]string{"apply/what_the_port_does_not_allow"},
	},
	{
		"versions without a lock",
		rosterFaults{gap: func() { time.Sleep(time.Microsecond) }},
		[]string{"apply/concurrent_calls_have_one_order"},
	},
	{
		"an empty roster is forgotten",
		rosterFaults{forget: func(p *plainRoster) {
			if len(p.members) == 0 {
				*p = plainRoster{rosterModel: newRosterModel()}
			}
		}},
		[]string{"apply/an_empty_roster_keeps_its_place", rosterModelCase},
	},
	{
		"epochs are counted",
		rosterFaults{empty: func(s *plainRosters) bool { s.epochs = 0; return false }},
		[]string{"PRE-28/lost_data_begins_another_epoch"},
	},
	{
		"contexts are ignored",
		rosterFaults{ctx: func(context.Context) context.Context { return context.Background() }},
		[]string{"context/ended_before"},
	},
}

var breaksOfMax = []brokenRosters{
	{
		"no bound",
		rosterFaults{limit: func(*plainRoster, int) int { return 0 }},
		[]string{"max/in_the_order_of_the_ops", "max/members_of_other_nodes_count", "GRP-15/the_dead_do_not_block_a_join", rosterModelCase},
	},
	{
		"one too many",
		rosterFaults{limit: func(_ *plainRoster, n int) int { return n + min(n, 1) }},
		[]string{"max/in_the_order_of_the_ops", "max/members_of_other_nodes_count", "GRP-18/10,000_members"},
	},
	{
		"drops make room at the end",
		rosterFaults{ops: func(_ *plainRoster, _ string, all []roster.Op) []roster.Op {
			all = slices.Clone(all)
			slices.SortStableFunc(all, func(a, b roster.Op) int { return cmp.Compare(len(b.Value), len(a.Value)) })
			return all
		}},
		[]string{"max/in_the_order_of_the_ops", "max/members_of_other_nodes_count"},
	},
}

var breaksOfBury = []brokenRosters{
	{
		"the dead stay",
		rosterFaults{drop: func(*plainRoster, string) []roster.Change { return nil }},
		[]string{"GRP-15/the_dead_do_not_block_a_join", "GRP-18/10,000_members", "PRE-21/bury_drops_what_a_life_shows",
			"PRE-21/bury_brings_back_older_values", "bury/on_rosters_that_are_named", "bury/interrupted_and_repeated",
			"bury/beside_calls_of_the_dead", rosterModelCase},
	},
	{
		"the dead take others with them",
		rosterFaults{drop: func(p *plainRoster, life string) []roster.Change {
			for key := range p.members {
				if p.shows(life, key) {
					p.members[key] = []modelShown{{life, ""}}
				}
			}
			return p.rosterModel.bury(life)
		}},
		[]string{"PRE-21/bury_brings_back_older_values", "bury/interrupted_and_repeated", rosterModelCase},
	},
	{
		"the dead are not remembered",
		rosterFaults{mark: func(string) string { return "" }},
		[]string{"bury/the_dead_do_nothing", "bury/on_rosters_that_are_named", "bury/beside_calls_of_the_dead", rosterModelCase},
	},
	{
		"a version for every bury",
		rosterFaults{bury: func(s *plainRosters, _ string, _ []string) bool {
			for _, p := range s.rosters {
				p.version++
			}
			return false
		}},
		[]string{"bury/again_changes_nothing", rosterModelCase},
	},
	{
		"leaves are told before they are made",
		rosterFaults{bury: func(s *plainRosters, life string, _ []string) bool {
			for name, p := range s.rosters {
				changes := (&rosterModel{version: p.version, members: cloneMembers(p)}).bury(life)
				for from := 0; from < len(changes); from += roster.MaxOps {
					s.send(name, roster.AppendChange(nil, p.epoch, p.version+1, changes[from:min(from+roster.MaxOps, len(changes))]))
				}
			}
			s.mu.Unlock() // another one comes between
			time.Sleep(time.Microsecond)
			s.mu.Lock()
			return false
		}},
		[]string{"bury/twice_at_once_tells_once", "bury/interrupted_and_repeated"},
	},
}

func cloneMembers(p *plainRoster) map[string][]modelShown {
	members := make(map[string][]modelShown)
	for key, all := range p.members {
		members[key] = slices.Clone(all)
	}
	return members
}

var breaksOfClose = []brokenRosters{
	{
		"members stay in a closed roster",
		rosterFaults{close: func(p *plainRoster, _ *time.Duration) func(*plainRoster) {
			members := p.members
			return func(p *plainRoster) { p.members = members }
		}},
		[]string{"GRP-11/close_ends_the_roster", "GRP-12/closing_again", "GRP-13/a_closed_name_can_be_used_again", rosterModelCase},
	},
	{
		"closing again changes nothing",
		rosterFaults{close: func(p *plainRoster, keep *time.Duration) func(*plainRoster) {
			if p.closed {
				*keep = time.Until(p.until)
			}
			return func(*plainRoster) {}
		}},
		[]string{"GRP-12/closing_again"},
	},
	{
		"closed for ever",
		rosterFaults{close: func(_ *plainRoster, keep *time.Duration) func(*plainRoster) {
			*keep = time.Hour
			return func(*plainRoster) {}
		}},
		[]string{"GRP-13/a_closed_name_opens_in_time", "GRP-12/closing_again"},
	},
	{
		"closed for half the time",
		rosterFaults{close: func(_ *plainRoster, keep *time.Duration) func(*plainRoster) {
			*keep /= 2
			return func(*plainRoster) {}
		}},
		[]string{"GRP-13/a_closed_name_opens_in_time"},
	},
	{
		"a new roster goes on where the old one ended",
		rosterFaults{reopen: func(p *plainRoster) { p.closed = false }},
		[]string{"GRP-13/a_closed_name_can_be_used_again", rosterModelCase},
	},
	{
		"reopen empties what is open",
		rosterFaults{reopen: func(p *plainRoster) { *p = plainRoster{rosterModel: newRosterModel()} }},
		[]string{"GRP-13/reopen_does_nothing_to_an_open_roster", rosterModelCase},
	},
	{
		"notes replace each other",
		rosterFaults{note: func(p *plainRoster, _ map[string]*string) { clear(p.rosterModel.notes) }},
		[]string{"GRP-10/notes", rosterModelCase},
	},
	{
		"notes go with the members",
		rosterFaults{forget: func(p *plainRoster) {
			if len(p.members) == 0 {
				clear(p.rosterModel.notes)
			}
		}},
		[]string{"GRP-10/notes", rosterModelCase},
	},
	{
		"notes of a closed roster",
		rosterFaults{notes: func(p *plainRoster) map[string]string {
			n := map[string]string{}
			if p.epoch != "" {
				n["k"] = "v"
			}
			return n
		}},
		[]string{"GRP-13/a_closed_name_opens_in_time", rosterModelCase},
	},
}
