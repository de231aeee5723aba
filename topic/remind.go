package topic

import "github.com/troupe-rt/troupe/actors"

// remind looks at duplicates of a batch. One that is beyond what this node and others were told of may come from a node that was
// killed when the Log had it and the others had not been told. Its publisher tries once more, somewhere else.
func (a *actor) remind(c *actors.Context[message], epoch string, results []Result) {
	var seq uint64
	for _, r := range results {
		if r.Duplicate {
			seq = max(seq, r.Seq)
		}
	}
	if seq == 0 || !a.relays() {
		return
	}
	if len(a.members)+len(a.joins) > 0 {
		a.noticed(c, frame{epoch: epoch, head: seq})
	}
	r := &a.relay
	if len(r.queue) > 0 || r.epoch == epoch && seq <= r.head {
		return // what is sent tells them
	}
	r.epoch, r.head, r.owed = epoch, seq, true
	a.send(c)
}
