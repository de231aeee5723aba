package gateway_test

import (
	"fmt"
	"testing"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

func TestWIRE01EventKeyOrder(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	c.subscribe("chat")
	b.publish("chat", "created", `{"id":1}`)
	c.want(`{"topic":"chat","event":"created","data":{"id":1}}`)
}

func TestWIRE02DataAbsentIsNull(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	c.subscribe("chat")
	b.publish("chat", "created", "")
	c.want(`{"topic":"chat","event":"created","data":null}`)
	c.send(`{"type":"publish","topic":"chat","event":"e"}`)
	c.want(`{"topic":"chat","event":"e","data":null}`)
}

func TestWIRE03Seq(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	c.subscribe("a")
	c.subscribe("b")
	for i := 1; i <= 3; i++ {
		b.publish("a", "e", "1")
		c.want(fmt.Sprintf(`{"topic":"a","event":"e","data":1,"seq":%d}`, i))
	}
	b.publish("b", "e", "1")
	c.want(`{"topic":"b","event":"e","data":1,"seq":1}`)
	if err := b.Broadcast("__system", "degraded", map[string]int{"at": 1}); err != nil {
		t.Fatal(err)
	}
	c.want(`{"topic":"__system","event":"degraded","data":{"at":1}}`)
}

func TestWIRE18Welcome(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{}})
	ids := map[any]bool{}
	for range 3 {
		c, _, err := b.dialWith("", nil)
		if err != nil {
			t.Fatal(err)
		}
		f := c.next()
		if f["type"] != "welcome" || f["node"] != "n1" || f["resumed"] != false || f["sessionId"] == "" {
			t.Fatalf("first frame is %v", f)
		}
		ids[f["sessionId"]] = true
	}
	if len(ids) != 3 {
		t.Fatalf("ids are not unique: %v", ids)
	}
}
