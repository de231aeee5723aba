//go:build linux

package suite

// The original is the system that Troupe re-implements, on Node.js. Its figures
// are not of this run.
const fromTheOriginal = "Measured elsewhere, on a like machine (2 cores, Redis 7.0.15 without persistence, loopback), not in this run: the original "

// overRedis are the scenarios in which nodes share a Redis. Publishers are on one
// node and receivers on another. In programs both nodes are in one process.
func overRedis() []Scenario {
	return []Scenario{
		{Name: "redis-paced-1000", Question: "How late are events that come by way of another node?",
			Kind: Paced, Nodes: 2, Topics: 1, Receivers: 1, Rate: 1000},
		{Name: "redis-paced-10000", Question: "And when there are ten times as many?",
			Kind: Paced, Nodes: 2, Topics: 1, Receivers: 1, Rate: 10_000},
		{Name: "redis-paced-kept-10000", Question: "And when Redis keeps them?",
			Kind: Paced, Nodes: 2, Topics: 1, Receivers: 1, Rate: 10_000, History: true},
		{Name: "redis-flat", Question: "How many events get from clients of one node to a client of another?",
			Kind: FlatOut, Nodes: 2, Topics: 1, Receivers: 1, Window: 1024},
		{Name: "redis-flat-kept", Question: "How many when Redis keeps them?",
			Kind: FlatOut, Nodes: 2, Topics: 1, Receivers: 1, Window: 1024, History: true},
		{Name: "redis-relay", Question: "How many events get from a Go program on one node to a receiver on another?",
			Kind: InProcess, Program: "relay", Window: 1024,
			Note: fromTheOriginal + "relays 110,040 events per second between two nodes in one process."},
		{Name: "redis-relay-kept", Question: "How many when Redis keeps them?",
			Kind: InProcess, Program: "relay", Window: 1024, History: true,
			Note: fromTheOriginal + "keeps 73,000 to 81,000 events per second, without a relay."},
		{Name: "redis-append-1", Question: "How many publishes to one topic does Redis keep, if each waits for the one before?",
			Kind: InProcess, Program: "append", Window: 1, History: true, Note: fromTheOriginal + "keeps 7,631 per second."},
		{Name: "redis-append-64", Question: "How many with 64 publishers that wait?",
			Kind: InProcess, Program: "append", Window: 64, History: true, Note: fromTheOriginal + "keeps 81,096 per second."},
		{Name: "redis-append-512", Question: "How many with 512?",
			Kind: InProcess, Program: "append", Window: 512, History: true, Note: fromTheOriginal + "keeps 73,236 per second."},
		{Name: "redis-resume-1x10000", Question: "How fast does one room catch up from Redis, on a node that does not know it?",
			Kind: ResumeStorm, Nodes: 2, Topics: 1, Receivers: 10_000, Missed: 50, History: true},
		{Name: "redis-resume-1000x10", Question: "How fast do a thousand rooms?",
			Kind: ResumeStorm, Nodes: 2, Topics: 1000, Receivers: 10, Missed: 50, History: true},
	}
}

// overRedisQuick are the same kinds, small.
func overRedisQuick() []Scenario {
	return []Scenario{
		{Name: "quick-redis-paced", Question: "Do events get from node to node on time?",
			Kind: Paced, Nodes: 2, Topics: 4, Receivers: 5, Rate: 500},
		{Name: "quick-redis-flat-kept", Question: "Do they get there from Redis' history?",
			Kind: FlatOut, Nodes: 2, Topics: 4, Receivers: 5, Window: 32, History: true},
		{Name: "quick-redis-relay", Question: "Do they get there in programs?",
			Kind: InProcess, Program: "relay", Window: 64},
		{Name: "quick-redis-append", Question: "Does Redis keep what is published?",
			Kind: InProcess, Program: "append", Window: 16, History: true},
		{Name: "quick-redis-resume-10x10", Question: "Is everyone filled exactly once from Redis?",
			Kind: ResumeStorm, Nodes: 2, Topics: 10, Receivers: 10, Missed: 50, History: true},
	}
}
