//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/bench/chaos/check"
)

// readLog asks a node for everything that the log has, writes it down, and
// returns where each topic ends.
func readLog(ctx context.Context, s *scene, node int) ([]place, error) {
	r, err := newRecord(s.folder, fmt.Sprintf("log-%03d", node))
	if err != nil {
		return nil, err
	}
	l, err := dial(ctx, s.nodes[node].address)
	if err != nil {
		return nil, err
	}
	defer l.close()
	r.add(check.Line{Kind: check.Connected})
	ends := make([]place, s.settings.topics)
	for i, topic := range s.topics { // one after the other: a slow reader would be cut off
		if ends[i], err = readTopic(l, r, topic); err != nil {
			return nil, fmt.Errorf("chaos: read the log of %s on node %d: %w", topic, node, err)
		}
	}
	return ends, r.close()
}

func readTopic(l *link, r *record, topic string) (end place, err error) {
	if err := l.send(map[string]any{"type": "subscribe", "topic": topic, "ref": 1, "since": 0}); err != nil {
		return end, err
	}
	for seq := uint64(0); !end.known || seq < end.seq; {
		f, err := l.receive()
		switch {
		case err != nil:
			return end, err
		case f.Type == "subscribed" && f.Topic == topic:
			end = place{known: true, joined: true, epoch: f.Epoch, seq: f.Seq}
			r.add(check.Line{Kind: check.Joined, Topic: topic, Epoch: f.Epoch, Seq: f.Seq, SinceEpoch: check.Any})
		case f.Type == "" && f.Topic == topic && f.Event == "truncated" && f.Seq == 0:
			loss, err := lossOf(f)
			if err != nil {
				return end, err
			}
			seq = loss.Oldest - 1
			r.add(loss)
		case f.Type == "" && f.Topic == topic && f.Seq > 0:
			id, err := idOf(f.Data)
			if err != nil {
				return end, err
			}
			seq = f.Seq
			r.add(check.Line{Kind: check.Event, Topic: topic, Seq: f.Seq, ID: id})
		case f.Type == "welcome", f.Type == "ping", f.Topic == "__system":
		default:
			return end, &confusedError{fmt.Sprintf("got %+v", f)}
		}
	}
	return end, l.send(map[string]any{"type": "unsubscribe", "topic": topic})
}
