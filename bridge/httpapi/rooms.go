package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/topic"
)

// topic returns the name that the path is about.
func (c *call) topic() (string, error) {
	name := c.r.PathValue("topic")
	return name, c.checkTopic(name)
}

// checkTopic admits what clients may publish on and subscribe to.
func (c *call) checkTopic(name string) error {
	if err := topic.CheckName(name, c.o.AnyScript); err != nil {
		return err
	}
	if topic.IsSystem(name) {
		return &topic.InputError{Field: "topic", Rule: "must not begin with " + topic.SystemPrefix}
	}
	return nil
}

func (c *call) presence() (any, error) {
	name, err := c.topic()
	if err != nil {
		return nil, err
	}
	list, err := c.node.Presence().List(c.ctx, name)
	if err != nil {
		return nil, err
	}
	members := make(map[string]jsontext.Value, len(list))
	for _, m := range list {
		members[m.Key] = jsontext.Value(m.Data)
	}
	return struct {
		Count   int                       `json:"count"`
		Members map[string]jsontext.Value `json:"members"`
	}{len(members), members}, nil
}

func (c *call) cursors() (any, error) {
	name, err := c.topic()
	if err != nil {
		return nil, err
	}
	list, err := c.node.Cursors().List(c.ctx, name)
	if err != nil {
		return nil, err
	}
	return struct {
		Cursors []cursor.Cursor `json:"cursors"`
	}{list}, nil
}
