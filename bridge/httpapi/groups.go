package httpapi

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/group"
)

// Group names are judged by the groups themselves: one that no policy matches is none.
func (c *call) groupName() string { return c.r.PathValue("group") }

// group reads members and metadata one after the other: between the two the group may
// change.
func (c *call) group() (any, error) {
	members, err := c.node.Groups().Members(c.ctx, c.groupName())
	if err != nil {
		return nil, err
	}
	meta, err := c.node.Groups().Meta(c.ctx, c.groupName())
	if err != nil {
		return nil, err
	}
	return struct {
		Count   int               `json:"count"`
		Members []group.Member    `json:"members"`
		Meta    map[string]string `json:"meta"`
	}{len(members), members, meta}, nil
}

func (c *call) changeGroup() (any, error) {
	var body struct {
		Meta *map[string]string `json:"meta"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.Meta == nil {
		return nil, wrong("meta", "is missing; an empty one clears the metadata")
	}
	return nil, c.node.Groups().SetMeta(c.ctx, c.groupName(), *body.Meta)
}

func (c *call) publishToGroup() (any, error) {
	var body struct {
		Event  string         `json:"event"`
		Data   jsontext.Value `json:"data"`
		Role   *string        `json:"role"`
		Member *string        `json:"member"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	var to []group.To
	if body.Role != nil {
		to = append(to, group.Role(*body.Role))
	}
	if body.Member != nil {
		to = append(to, group.Key(*body.Member))
	}
	return nil, c.node.Groups().Publish(c.ctx, c.groupName(), body.Event, json.RawMessage(body.Data), to...)
}

func (c *call) closeGroup() (any, error) {
	return nil, c.node.Groups().CloseGroup(c.ctx, c.groupName())
}

func (c *call) reopenGroup() (any, error) {
	return nil, c.node.Groups().Reopen(c.ctx, c.groupName())
}
