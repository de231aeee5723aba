package httpapi

import (
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// A standing is how a key of a limit stands.
type standing struct {
	Allowed      bool  `json:"allowed"`
	Remaining    int   `json:"remaining"`
	ResetMS      int64 `json:"resetMs"`
	RetryAfterMS int64 `json:"retryAfterMs,omitzero"`
	Blocked      bool  `json:"blocked,omitzero"`
}

// newStanding rounds up: who comes back then is not too early.
func newStanding(r ratelimit.Result) standing {
	return standing{
		Allowed: r.Allowed, Remaining: r.Remaining, ResetMS: millis(r.Reset),
		RetryAfterMS: millis(r.Retry), Blocked: r.Blocked,
	}
}

func millis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// limit names what the path is about.
func (c *call) limit() (name, key string) { return c.r.PathValue("name"), c.r.PathValue("key") }

func (c *call) consume() (any, error) {
	var body struct {
		Cost *int `json:"cost"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	cost := 1
	if body.Cost != nil {
		cost = *body.Cost
	}
	name, key := c.limit()
	result, err := c.node.Limits().Consume(c.ctx, name, key, cost)
	if err != nil {
		return nil, err
	}
	return newStanding(result), nil
}

func (c *call) peek() (any, error) {
	name, key := c.limit()
	result, err := c.node.Limits().Peek(c.ctx, name, key)
	if err != nil {
		return nil, err
	}
	return newStanding(result), nil
}

func (c *call) reset() (any, error) {
	name, key := c.limit()
	return nil, c.node.Limits().Reset(c.ctx, name, key)
}

func (c *call) ban() (any, error) {
	var body struct {
		ForMS int64 `json:"forMs"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	const most = int64(ratelimit.MaxBlock / time.Millisecond)
	if body.ForMS < 0 || body.ForMS > most {
		return nil, wrong("forMs", fmt.Sprintf("must be within 0 and %d", most))
	}
	name, key := c.limit()
	return nil, c.node.Limits().Ban(c.ctx, name, key, time.Duration(body.ForMS)*time.Millisecond)
}

func (c *call) unban() (any, error) {
	name, key := c.limit()
	return nil, c.node.Limits().Unban(c.ctx, name, key)
}
