package settings

import (
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic"
)

// DemoLimit names the limit that a node has whose file lists no topics, groups or limits.
const DemoLimit = "demo"

// defaultLists fills in what the file does not list. One that lists no topics, no groups
// and no limits gets those to try the node with: presence and cursors everywhere, groups of
// five, and a limit on the topics of the demo page. Any other gets what it lists, and one
// policy for topics if it lists none.
func (l *Loaded) defaultLists() {
	if l.listsNothing() {
		l.Topics = []Topic{{Policy: topic.Policy{Match: "demo:*"}, Limit: DemoLimit}, {Policy: topic.Policy{Match: "*"}}}
		l.Groups = []group.Policy{{Match: "lobby:*", MaxMembers: 5}}
		l.Limits = []ratelimit.Policy{{Name: DemoLimit, Kind: ratelimit.Bucket, Points: 20, Interval: 5 * time.Second}}
	}
	if len(l.Topics) == 0 {
		l.Topics = []Topic{{Policy: topic.Policy{Match: "*"}}}
	}
	for i := range l.Topics {
		l.completeTopic(&l.Topics[i])
	}
	for i, p := range l.Groups {
		l.Groups[i] = p.WithDefaults()
	}
	for i, p := range l.Limits {
		l.Limits[i] = p.WithDefaults()
	}
}

func (l *Loaded) listsNothing() bool {
	for _, key := range []string{"topics", "groups", "limits"} {
		if _, listed := l.marks[key]; listed {
			return false
		}
	}
	return true
}

// completeTopic fills in a policy, and who may use its topics where the file does not
// say: anyone on a node without authentication, otherwise those who proved who they are.
func (l *Loaded) completeTopic(t *Topic) {
	who := []string{Anyone}
	if l.JWT != nil {
		who = []string{Authenticated}
	}
	t.Policy = t.Policy.WithDefaults()
	complete(t)
	if t.Subscribe == nil {
		t.Subscribe = who
	}
	if t.Publish == nil {
		t.Publish = who
	}
}
