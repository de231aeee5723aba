package gateway

import "github.com/troupe-rt/troupe/topic"

var _ topic.DirectOutlet = (*shard)(nil)

// addressed is a batch for one receiver of a topic alone.
type addressed struct {
	to    *receiver
	batch *topic.Batch
}

// DeliverTo hands over events for one receiver, in the order of everything else
// of the topic.
func (s *shard) DeliverTo(name string, r any, b *topic.Batch) {
	if len(b.Events) > 0 {
		s.put(item{kind: itemDeliverTo, topic: name, ptr: &addressed{r.(*receiver), b}})
	}
}

// batchOf returns the events that an item brings, nil if it brings none. What one
// receiver is sent alone counts as what all are sent: if there is no room for it,
// all have missed something.
func batchOf(i *item) *topic.Batch {
	switch p := i.ptr.(type) {
	case *topic.Batch:
		return p
	case *addressed:
		return p.batch
	}
	return nil
}

// alone sends a batch to one receiver, unless it has left.
func (s *shard) alone(a *audience, to *addressed) {
	s.relieve(a, plainSize(to.batch.Events))
	if r := to.to; r.at >= 0 {
		s.tally.deliveries += len(to.batch.Events)
		s.send(r.session, memoized(to.batch), terms{slow: r.slow, batch: r.session.batch.Load()})
	}
}
