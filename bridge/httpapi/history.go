package httpapi

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/topic"
)

// How many events a call for history answers with.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxEpoch     = 64
)

func (c *call) history() (any, error) {
	name, err := c.topic()
	if err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	since, err := position(query)
	if err != nil {
		return nil, err
	}
	limit, err := whole(query, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return nil, err
	}
	h, err := c.node.Topics().History(c.ctx, name, since, int(limit))
	if err != nil {
		return nil, err
	}
	events := make([]jsontext.Value, len(h.Events))
	for i, e := range h.Events {
		events[i] = e.JSON()
	}
	return struct {
		Events    []jsontext.Value `json:"events"`
		Truncated bool             `json:"truncated"`
		Seq       uint64           `json:"seq"`
		Epoch     string           `json:"epoch"`
	}{events, h.Truncated, h.Head.Seq, h.Head.Epoch}, nil
}

func (c *call) clearHistory() (any, error) {
	name, err := c.topic()
	if err != nil {
		return nil, err
	}
	return nil, c.node.Topics().Clear(c.ctx, name)
}

// position is where a caller wants to go on.
func position(query url.Values) (topic.Position, error) {
	seq, err := whole(query, "since", 0, 0, 1<<53-1)
	if err != nil {
		return topic.Position{}, err
	}
	epoch := query.Get("epoch")
	fine := len(epoch) <= maxEpoch && (epoch != "" || !query.Has("epoch"))
	for i := range len(epoch) {
		fine = fine && epoch[i] > ' ' && epoch[i] < 0x7f
	}
	if !fine {
		return topic.Position{}, wrong("epoch", fmt.Sprintf("must be 1 to %d printable ASCII characters without spaces", maxEpoch))
	}
	return topic.Position{Epoch: epoch, Seq: seq}, nil
}

// whole reads a number that is written as people write it: no sign, no leading zero.
func whole(query url.Values, name string, absent, least, most uint64) (uint64, error) {
	if !query.Has(name) {
		return absent, nil
	}
	text := query.Get(name)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > most || strconv.FormatUint(n, 10) != text {
		return 0, wrong(name, fmt.Sprintf("must be a whole number within %d and %d", least, most))
	}
	return n, nil
}
