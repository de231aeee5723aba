//go:build linux

package suite

import "slices"

// Full are the scenarios of a complete run.
func Full() []Scenario { return slices.Concat(oneNode(), overRedis(), together(), overPostgres()) }

func oneNode() []Scenario {
	return []Scenario{
		{Name: "fanout-1x1000-w1", Question: "What does one delivery cost when nothing can be batched?",
			Kind: FlatOut, Topics: 1, Receivers: 1000, Window: 1},
		{Name: "fanout-1x1000-w16", Question: "What does a delivery cost under light concurrency?",
			Kind: FlatOut, Topics: 1, Receivers: 1000, Window: 16},
		{Name: "fanout-1x1000-w256", Question: "How many deliveries per second can one room have?",
			Kind: FlatOut, Topics: 1, Receivers: 1000, Window: 256},
		{Name: "fanout-1x10000-w16", Question: "Does a very large room cost more per delivery?",
			Kind: FlatOut, Topics: 1, Receivers: 10_000, Window: 16},
		{Name: "fanout-1000x10-flat", Question: "What do many small rooms cost?",
			Kind: FlatOut, Topics: 1000, Receivers: 10, Window: 256},
		{Name: "fanout-1000x10-paced", Question: "How late are events at a load that is met easily?",
			Kind: Paced, Topics: 1000, Receivers: 10, Rate: 5000},
		{Name: "idle-10000", Question: "How much memory does a subscribed connection hold?",
			Kind: Idle, Topics: 1000, Receivers: 10},
		{Name: "idle-19900", Question: "Does it hold more when there are twice as many?",
			Kind: Idle, Topics: 1990, Receivers: 10},
		{Name: "connect-10000", Question: "How fast do clients come in after a restart?",
			Kind: ConnectStorm, Topics: 1000, Receivers: 10},
		{Name: "resume-1x10000", Question: "How fast does one room catch up after a restart?",
			Kind: ResumeStorm, Topics: 1, Receivers: 10_000, Missed: 50, History: true},
		{Name: "resume-1000x10", Question: "How fast do a thousand rooms catch up after a restart?",
			Kind: ResumeStorm, Topics: 1000, Receivers: 10, Missed: 50, History: true},
		{Name: "topics-1000000", Question: "What does an idle topic hold, and is it given back?",
			Kind: InProcess, Program: "topics", Count: 1_000_000},
		{Name: "publish-typed", Question: "What does a publish cost a Go program?",
			Kind: InProcess, Program: "publish", Count: 2_000_000},
		{Name: "publish-typed-kept", Question: "What does it cost when the topic keeps history in memory?",
			Kind: InProcess, Program: "publish", Count: 2_000_000, History: true},
	}
}

// Quick are the same kinds, so small that all of them take a few seconds.
func Quick() []Scenario {
	return slices.Concat(oneNodeQuick(), overRedisQuick(), togetherQuick(), overPostgresQuick())
}

func oneNodeQuick() []Scenario {
	return []Scenario{
		{Name: "quick-fanout-1x50-w16", Question: "Does fan-out to one room work?",
			Kind: FlatOut, Topics: 1, Receivers: 50, Window: 16},
		{Name: "quick-fanout-20x5-flat", Question: "Does fan-out to many rooms work?",
			Kind: FlatOut, Topics: 20, Receivers: 5, Window: 32, History: true},
		{Name: "quick-paced-20x5", Question: "Are events on time?",
			Kind: Paced, Topics: 20, Receivers: 5, Rate: 500},
		{Name: "quick-idle-100", Question: "Do connections stay?",
			Kind: Idle, Topics: 10, Receivers: 10},
		{Name: "quick-connect-100", Question: "Do connections come in?",
			Kind: ConnectStorm, Topics: 10, Receivers: 10},
		{Name: "quick-resume-10x10", Question: "Is everyone filled exactly once?",
			Kind: ResumeStorm, Topics: 10, Receivers: 10, Missed: 50, History: true},
		{Name: "quick-topics-1000", Question: "Are topics retired?",
			Kind: InProcess, Program: "topics", Count: 1000},
		{Name: "quick-publish-typed", Question: "Are publishes taken?",
			Kind: InProcess, Program: "publish", Count: 5000},
	}
}
