package storetest

import (
	"math"
	"strings"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

var limitBreaks = []brokenLimits{
	{"fails open", limitFaults{grant: func(w ratelimit.Want, g *ratelimit.Grant) { g.Allowed = w.Count }},
		[]string{"RL-02/window_passes", "RL-06/block", "bucket/refills_evenly", "cost/all_or_nothing", "beside/exact", "model/random_calls"}},
	{"windows of a grid", limitFaults{meter: func(now int64, m *ratelimit.Meter, _ ratelimit.Want) {
		if m.Fixed.End > 0 && now/1_000_000 > (m.Fixed.End-1_000_000)/1_000_000 {
			m.Fixed = ratelimit.Window{}
		}
	}}, []string{"RL-02/window_begins_with_the_first"}},
	{"windows never end", limitFaults{meter: func(now int64, m *ratelimit.Meter, _ ratelimit.Want) {
		if m.Fixed.End > 0 {
			m.Fixed.End = now + 1_000_000
		}
	}}, []string{"RL-02/window_passes"}},
	{"a bucket that refills at once", limitFaults{meter: func(now int64, m *ratelimit.Meter, _ ratelimit.Want) {
		if now-m.Bucket.At > 500_000 {
			m.Bucket.Debt = 0
		}
	}}, []string{"model/random_calls"}},
	{"twice as fast", limitFaults{terms: func(t *ratelimit.Terms) { t.Rate *= 2 }}, []string{"bucket/refills_evenly"}},
	{"a bucket without a bound", limitFaults{meter: func(now int64, m *ratelimit.Meter, _ ratelimit.Want) {
		if m.Bucket.At > 0 && now-m.Bucket.At > 2_000_000 {
			m.Bucket.Debt = -m.Bucket.Token
		}
	}}, []string{"bucket/burst_is_bounded"}},
	{"two windows for a sliding one", limitFaults{meter: func(now int64, m *ratelimit.Meter, _ ratelimit.Want) {
		for i := range m.Sliding.Strips {
			m.Sliding.Strips[i].Until -= 500_000
		}
	}}, []string{"sliding/any_stretch", "sliding/comes_back"}},
	{"partial consumes", limitFaults{want: func(w *ratelimit.Want) { w.Count, w.Cost = w.Count*w.Cost, 1 }},
		[]string{"cost/all_or_nothing", "cost/runs_in_order"}},
	{"32 bits", limitFaults{want: func(w *ratelimit.Want) { w.Cost = min(w.Cost, math.MaxInt16) }}, []string{"cost/largest"}},
	{"a look consumes", limitFaults{want: func(w *ratelimit.Want) {
		if w.Count == 0 {
			w.Cost, w.Count = 1, 1
		}
	}}, []string{"look/changes_nothing", "cost/runs_in_order"}},
	{"never blocks", limitFaults{terms: func(t *ratelimit.Terms) { t.Block = 0 }},
		[]string{"RL-06/block", "RL-06/block_keeps_what_was_allowed", "RL-07/block_outlives_the_window"}},
	{"blocks an interval at most", limitFaults{terms: func(t *ratelimit.Terms) { t.Block = min(t.Block, t.Interval) }},
		[]string{"RL-07/block_outlives_the_window", "RL-06/block_keeps_what_was_allowed"}},
	{"bans are not kept", limitFaults{change: func(_ int64, _ *ratelimit.Meter, c *ratelimit.Change) {
		if c.Do == ratelimit.Ban {
			c.For = 0
		}
	}}, []string{"RL-08/ban_and_unban", "RL-08/ban_again", "RL-09/ban_of_an_unknown_key"}},
	{"the longer ban wins", limitFaults{change: func(now int64, m *ratelimit.Meter, c *ratelimit.Change) {
		if c.Do == ratelimit.Ban && m.Until > now+c.For.Microseconds() {
			c.Do = ratelimit.Deed(9)
		}
	}}, []string{"RL-08/ban_again"}},
	{"unban resets", limitFaults{change: func(_ int64, m *ratelimit.Meter, c *ratelimit.Change) {
		if c.Do == ratelimit.Unban {
			c.Do = ratelimit.Reset
		}
	}}, []string{"RL-08/ban_and_unban"}},
	{"reset unbans", limitFaults{change: func(_ int64, m *ratelimit.Meter, c *ratelimit.Change) {
		if c.Do == ratelimit.Reset {
			c.Do = ratelimit.Unban
		}
	}}, []string{"RL-13/reset"}},
	{"keys without case", limitFaults{key: func(limit, key string) string { return limit + "\n" + strings.ToLower(key) }},
		[]string{"RL-11/keys_are_apart"}},
	{"names strung together", limitFaults{key: func(limit, key string) string { return limit + ":" + key }},
		[]string{"RL-11/limits_are_apart"}},
	{"clears nothing", limitFaults{clears: func(string, string) bool { return false }}, []string{"RL-13/clear"}},
	{"clears by prefix", limitFaults{clears: strings.HasPrefix}, []string{"RL-13/clear"}},
	{"one key for a batch", limitFaults{key: func(limit, _ string) string { return limit }}, []string{"RL-14/batch_of_many_keys", "RL-11/keys_are_apart"}},
	{"leases are free", limitFaults{want: func(w *ratelimit.Want) { w.Ahead = 0 }, grant: func(w ratelimit.Want, g *ratelimit.Grant) {
		g.Leased, g.LeaseFor = min(w.Ahead, g.Remaining), 1e9
	}}, []string{"lease/takes_points", "lease/leaves_no_room"}},
	{"leases of a bucket have room", limitFaults{meter: func(_ int64, m *ratelimit.Meter, _ ratelimit.Want) {
		m.Bucket.Leased, m.Bucket.Slot = 0, 0
	}}, []string{"lease/leaves_no_room"}},
	{"leases for the refused", limitFaults{want: func(w *ratelimit.Want) {
		if w.Ahead > 0 {
			w.Count = 1
		}
	}}, []string{"lease/none_for_the_refused"}},
	{"leases outlive windows", limitFaults{grant: func(_ ratelimit.Want, g *ratelimit.Grant) {
		if g.Leased > 0 {
			g.LeaseFor = 1e9
		}
	}}, []string{"lease/fixed_ends_with_its_window"}},
	{"other terms begin anew", limitFaults{meter: func(_ int64, m *ratelimit.Meter, w ratelimit.Want) {
		if w.Cost == 90 {
			*m = ratelimit.Meter{}
		}
	}}, []string{"policy/other_points"}},
	{"no lock", limitFaults{racy: true}, []string{"beside/exact"}},
	{"deaf", limitFaults{deaf: true}, []string{"context/ended_before"}},
}
