package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// allSlots is how many a Redis Cluster has.
const allSlots = 16384

func checkCluster(c *ClusterState) Finding {
	f := Finding{Check: "cluster", Verdict: OK, What: "The Redis Cluster is well and serves every slot.", Effect: "Every topic has a place."}
	switch {
	case c.Err != nil:
		f.Verdict, f.What = Unknown, "Could not check the state of the Redis Cluster: "+plain(c.Err)+"."
		f.Effect, f.Fix = "Topics in slots that nobody serves can not be published to.", "Let the user run CLUSTER INFO, or look with redis-cli --cluster check HOST:PORT"
	case c.State != "ok" || c.Slots < allSlots:
		f.Verdict, f.What = Fail, fmt.Sprintf("The Redis Cluster is in state %s and serves %d of %d slots.", c.State, c.Slots, allSlots)
		f.Effect, f.Fix = "Topics in the others can not be published to, and by default none can.", "redis-cli --cluster fix HOST:PORT"
	}
	return f
}

func checkRights(missing []Refusal) Finding {
	if len(missing) == 0 {
		return Finding{Check: "rights", Verdict: OK, What: "Every command that Troupe needs works under the prefix.", Effect: "Nothing is refused to the node."}
	}
	var names []string
	for _, m := range missing {
		if !slices.Contains(names, m.Command) {
			names = append(names, m.Command)
		}
	}
	return Finding{Check: "rights", Verdict: Fail,
		What:   fmt.Sprintf("These commands do not work: %s (%s).", strings.Join(names, ", "), plain(missing[0].Err)),
		Effect: "A node can not keep, number or carry what is published.",
		Fix:    "Give the user the commands, the keys and the channels: ACL SETUSER name +@all -@dangerous +info ~PREFIX* &PREFIX*"}
}

func checkPubSub(err error) Finding {
	if err == nil {
		return Finding{Check: "relay", Verdict: OK, What: "What was published on a channel came back.", Effect: "Nodes hear each other."}
	}
	return Finding{Check: "relay", Verdict: Fail, What: "What was published on a channel did not come back: " + plain(err) + ".",
		Effect: "Nodes do not hear each other; clients of other nodes get events only when they ask again.",
		Fix:    "Allow the channels to the user: ACL SETUSER name &PREFIX*, and look for a proxy in between that has no pub/sub"}
}

// A call is given 2 s by default.
const (
	farAway    = 5 * time.Millisecond
	outOfReach = 500 * time.Millisecond
)

func checkLatency(name string, median time.Duration) Finding {
	f := Finding{Check: "latency", Verdict: OK, What: "A round trip takes " + timeText(median) + " (median of 20).",
		Effect: "A publish with history takes one; many publishers share it."}
	switch {
	case median == 0:
		f.Verdict, f.What, f.Fix = Unknown, "Could not measure the round trip.", "Run node doctor again"
	case median >= outOfReach:
		f.Verdict, f.Effect = Fail, "Calls come near their deadline of 2 s; when several in a row miss it, the node counts "+name+" as down."
		f.Fix = "Run nodes and " + name + " in one region"
	case median >= farAway:
		f.Verdict, f.Effect = Warn, "Each publish with history takes at least that long to be acknowledged and to reach other nodes."
		f.Fix = "Run nodes and " + name + " in one network"
	}
	return f
}

// Clocks that are kept by NTP differ by less than clockSlack; less than
// clockNoise is not measured.
const (
	clockSlack = 2 * time.Second
	clockNoise = 10 * time.Millisecond
)

func checkClock(name string, ahead time.Duration) Finding {
	what, off := name+"'s clock is ahead of this machine's by "+timeText(ahead)+".", ahead
	if ahead < 0 {
		what, off = name+"'s clock is behind this machine's by "+timeText(-ahead)+".", -ahead
	}
	if off < clockNoise {
		what = name + "'s clock and this machine's agree within " + clockNoise.String() + "."
	}
	if off > clockSlack {
		return Finding{Check: "clock", Verdict: Warn, What: what,
			Effect: "Leases and expiry go by " + name + "'s clock alone and hold; times that clients are shown, and the expiry of tokens, differ.",
			Fix:    "Let NTP set both clocks: timedatectl set-ntp true"}
	}
	return Finding{Check: "clock", Verdict: OK, What: what, Effect: "Times that clients are shown agree."}
}

// plain is the first line of an error, short enough for a sentence.
func plain(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if errors.Is(err, errNothingCame) || len(text) <= 160 {
		return strings.TrimSuffix(text, ".")
	}
	return strings.ToValidUTF8(text[:160], "") + "..."
}

var errNothingCame = errors.New("nothing came within the deadline")
