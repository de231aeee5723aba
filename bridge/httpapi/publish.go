package httpapi

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/topic"
)

const (
	maxList = 256 // events of one publish
	maxID   = 128 // bytes
)

// A message is an event to be published.
type message struct {
	Topic string         `json:"topic"`
	Event string         `json:"event"`
	Data  jsontext.Value `json:"data"`
	ID    string         `json:"id"`
}

// A receipt answers one of them.
type receipt struct {
	Seq       uint64 `json:"seq,omitzero"`
	Epoch     string `json:"epoch,omitzero"`
	Duplicate bool   `json:"duplicate"`
}

// A refusal stands in a receipt's place.
type refusal struct {
	Error *Problem `json:"error"`
}

func (c *call) publish() (any, error) {
	body, err := c.read(maxPublish)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		var one message
		if err := parse(body, &one); err != nil {
			return nil, err
		}
		return c.publishOne(one)
	}
	var list []message
	if err := parse(body, &list); err != nil {
		return nil, err
	}
	if len(list) > maxList {
		return nil, wrong("", fmt.Sprintf("the list must have at most %d events", maxList))
	}
	return c.publishList(list), nil
}

func (c *call) publishOne(m message) (any, error) {
	if err := c.check(m); err != nil {
		return nil, err
	}
	r, err := c.node.Topics().Publish(c.ctx, m.Topic, c.message(m))
	if err != nil {
		return nil, err
	}
	return newReceipt(r), nil
}

// publishList hands all over before it waits, so that a topic keeps many in one step.
func (c *call) publishList(list []message) []any {
	type outcome struct {
		at      int
		receipt topic.Receipt
		err     error
	}
	outcomes := make(chan outcome, len(list)) // has room for all: who answers late waits for nobody
	for i, m := range list {
		err := c.check(m)
		if err == nil {
			err = c.node.Topics().Post(m.Topic, c.message(m), func(r topic.Receipt, err error) { outcomes <- outcome{i, r, err} })
		}
		if err != nil {
			outcomes <- outcome{i, topic.Receipt{}, err}
		}
	}
	answers := make([]any, len(list))
	for range list {
		select {
		case o := <-outcomes:
			answers[o.at] = c.answer(o.receipt, o.err)
		case <-c.ctx.Done():
			for i := range answers {
				if answers[i] == nil {
					answers[i] = c.answer(topic.Receipt{}, c.ctx.Err())
				}
			}
			return answers
		}
	}
	return answers
}

func (c *call) answer(r topic.Receipt, err error) any {
	if err == nil {
		return newReceipt(r)
	}
	p := *judge(err)
	if p.cause != nil {
		c.o.Logger.Error("call of the API failed", "call", "publish", "err", p.cause)
	}
	p.Status = 0 // the list has one of its own
	return refusal{&p}
}

func newReceipt(r topic.Receipt) receipt {
	return receipt{Seq: r.Position.Seq, Epoch: r.Position.Epoch, Duplicate: r.Duplicate}
}

func (c *call) check(m message) error {
	if err := c.checkTopic(m.Topic); err != nil {
		return err
	}
	if len(m.ID) > maxID {
		return &topic.InputError{Field: "id", Rule: fmt.Sprintf("must be at most %d bytes", maxID)}
	}
	return nil
}

// message gives the id a scope, so that no client of the gateway can use it up.
func (c *call) message(m message) topic.Message {
	id := m.ID
	if id != "" {
		id = "\x1eapi\x1e" + c.caller + "\x1f" + id
	}
	return topic.Message{Event: m.Event, Data: m.Data, ID: id, Checked: len(m.Data) > 0}
}
