//go:build linux

package suite

// overPostgres are the scenarios in which nodes share a Postgres and nothing else. No peer has them: of the library
// centrifuge only Redis and memory are there, and its server's Postgres broker is no part of it. Postgres has its
// defaults, and so waits for the disk.
func overPostgres() []Scenario {
	return []Scenario{
		kept("pg-append-1x1", "How many publishes to one topic does Postgres keep, if each waits for the one before?", 1, 1,
			fromTheOriginal+"keeps 977 per second."),
		kept("pg-append-1x64", "How many with 64 publishers that wait?", 1, 64, fromTheOriginal+"keeps 1,346 per second."),
		kept("pg-append-1x512", "How many with 512?", 1, 512, ""),
		kept("pg-append-1000x1", "How many to a thousand topics in turn?", 1000, 1, fromTheOriginal+"keeps 2,153 per second."),
		kept("pg-append-1000x64", "How many with 64 publishers that wait?", 1000, 64, fromTheOriginal+"keeps 10,080 per second."),
		kept("pg-append-1000x512", "How many with 512?", 1000, 512, ""),
		{Name: "pg-paced-1000", Question: "How late are events that come by way of another node, over Postgres?",
			Kind: Paced, Nodes: 2, Postgres: true, Topics: 1, Receivers: 1, Rate: 1000},
		{Name: "pg-paced-kept-1000", Question: "And when Postgres keeps them?",
			Kind: Paced, Nodes: 2, Postgres: true, Topics: 1, Receivers: 1, Rate: 1000, History: true},
		{Name: "pg-flat", Question: "How many events get from clients of one node to a client of another?",
			Kind: FlatOut, Nodes: 2, Postgres: true, Topics: 1, Receivers: 1, Window: 1024},
		{Name: "pg-flat-kept", Question: "How many when Postgres keeps them?",
			Kind: FlatOut, Nodes: 2, Postgres: true, Topics: 1, Receivers: 1, Window: 1024, History: true},
		overPG(Scenario{Name: "pg-relay", Question: "How many events get from a Go program on one node to a receiver on another?",
			Program: "relay", Window: 1024}),
		overPG(Scenario{Name: "pg-relay-kept", Question: "How many when Postgres keeps them?", Program: "relay", Window: 1024, History: true}),
		overPG(Scenario{Name: "pg-notify-1", Question: "How many NOTIFY get to a receiver, if each waits for the one before?",
			Program: "notify", Window: 1, Note: fromTheOriginal + "does 5,604 per second."}),
		overPG(Scenario{Name: "pg-notify-64", Question: "How many from 64 who wait for theirs?",
			Program: "notify", Window: 64, Note: fromTheOriginal + "does 14,581 per second."}),
		overPG(Scenario{Name: "pg-presence-pairs-1000", Question: "How many users can come and go in a room of a thousand?",
			Program: "presence", Window: 64, Room: 1000}),
		overPG(Scenario{Name: "pg-group-pairs-1000", Question: "How many can join and leave a group of a thousand?",
			Program: "group", Window: 64, Room: 1000}),
		overPG(Scenario{Name: "pg-cursors-100", Question: "How many moves of 100 cursors does a node take in while another shows them?",
			Program: "cursors", Window: 100}),
		overPG(Scenario{Name: "pg-limit-1x64", Question: "How many consumes of one key are answered, exactly?", Program: "limit", Keys: 1, Window: 64}),
		overPG(Scenario{Name: "pg-limit-1000x512", Question: "And of a thousand keys?", Program: "limit", Keys: 1000, Window: 512}),
	}
}

// overPG is a program over Postgres.
func overPG(s Scenario) Scenario {
	s.Kind, s.Postgres, s.Alone = InProcess, true, true
	return s
}

func kept(name, question string, topics, window int, note string) Scenario {
	return overPG(Scenario{Name: name, Question: question, Program: "append", Topics: topics, Window: window, History: true, Note: note})
}

// overPostgresQuick are the same kinds, small.
func overPostgresQuick() []Scenario {
	return []Scenario{
		kept("quick-pg-append", "Does Postgres keep what is published?", 4, 16, ""),
		{Name: "quick-pg-paced", Question: "Do events get from node to node on time?",
			Kind: Paced, Nodes: 2, Postgres: true, Topics: 4, Receivers: 5, Rate: 500},
		{Name: "quick-pg-flat-kept", Question: "Do they get there from Postgres' history?",
			Kind: FlatOut, Nodes: 2, Postgres: true, Topics: 4, Receivers: 5, Window: 32, History: true},
		overPG(Scenario{Name: "quick-pg-relay", Question: "Do they get there in programs?", Program: "relay", Window: 64}),
		overPG(Scenario{Name: "quick-pg-notify", Question: "Do notifications get to receivers?", Program: "notify", Window: 8}),
		overPG(Scenario{Name: "quick-pg-presence", Question: "Can users come and go?", Program: "presence", Window: 8, Room: 10}),
		overPG(Scenario{Name: "quick-pg-group", Question: "Can they join a group?", Program: "group", Window: 8, Room: 10}),
		overPG(Scenario{Name: "quick-pg-cursors", Question: "Do cursors get there?", Program: "cursors", Window: 100}),
		overPG(Scenario{Name: "quick-pg-limit", Question: "Are consumes answered?", Program: "limit", Keys: 2, Window: 8}),
	}
}
