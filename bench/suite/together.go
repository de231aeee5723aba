//go:build linux

package suite

// together are the scenarios of who is there: presence, groups, cursors, and rate
// limits, over Redis.
func together() []Scenario {
	pairs := func(name, question, program string, room int, alone bool, note string) Scenario {
		return Scenario{Name: name, Question: question, Kind: InProcess, Program: program, Window: 64, Room: room, Alone: alone, Note: note}
	}
	return []Scenario{
		pairs("presence-pairs-10", "How many users can come and go in a small room?", "presence", 10, false,
			fromTheOriginal+"does 8,991 joins with leaves per second in an empty room."),
		pairs("presence-pairs-1000", "And in a room of a thousand?", "presence", 1000, false, fromTheOriginal+"does 853."),
		pairs("presence-pairs-10000", "And in a room of ten thousand?", "presence", 10_000, false, ""),
		{Name: "presence-mass-leave", Question: "How soon does the other node know that 1,000 of 2,000 users have left at once?",
			Kind: InProcess, Program: "mass-leave", Room: 2000, Alone: true,
			Note: fromTheOriginal + "takes 534 ms, its next version 38 ms, on one node."},
		pairs("group-pairs-1000", "How many can join and leave a group of a thousand?", "group", 1000, true, fromTheOriginal+"does 228."),
		{Name: "cursors-100", Question: "How many moves of 100 cursors does a node take in while another shows them?",
			Kind: InProcess, Program: "cursors", Window: 100, Alone: true, Note: fromTheOriginal + "relays 24,510 updates per second."},
		limits("limit-1x64", "How many consumes of one key are answered, exactly?", "limit", 1, 64, fromTheOriginal+"answers 53,497 per second."),
		limits("limit-1x512", "And with 512 who ask?", "limit", 1, 512, fromTheOriginal+"answers 77,326."),
		limits("limit-1000x512", "And of a thousand keys?", "limit", 1000, 512, ""),
		limits("limit-refused", "How many are refused when nothing is left?", "limit-refused", 1, 64, fromTheOriginal+"refuses 69,371."),
		limits("limit-leased", "How many are answered from a lease?", "limit-leased", 1, 64, ""),
	}
}

func limits(name, question, program string, keys, window int, note string) Scenario {
	return Scenario{Name: name, Question: question, Kind: InProcess, Program: program, Window: window, Keys: keys, Alone: true, Note: note}
}

// togetherQuick are the same kinds, small.
func togetherQuick() []Scenario {
	return []Scenario{
		{Name: "quick-presence", Question: "Can users come and go?", Kind: InProcess, Program: "presence", Window: 8, Room: 10},
		{Name: "quick-mass-leave", Question: "Are all told of who left?", Kind: InProcess, Program: "mass-leave", Room: 50, Alone: true},
		{Name: "quick-group", Question: "Can they join a group?", Kind: InProcess, Program: "group", Window: 8, Room: 10, Alone: true},
		{Name: "quick-cursors", Question: "Do cursors get there?", Kind: InProcess, Program: "cursors", Window: 100, Alone: true},
		limits("quick-limit", "Are consumes answered?", "limit", 2, 8, ""),
		limits("quick-limit-refused", "Are they refused?", "limit-refused", 1, 8, ""),
		limits("quick-limit-leased", "Are they answered from a lease?", "limit-leased", 1, 8, ""),
	}
}
