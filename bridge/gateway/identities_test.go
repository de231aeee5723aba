package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

// TestOddIdentities: whatever the embedding program says of a user, the client is told
// what it can not have, follows its topics all the same, and harms nobody.
func TestOddIdentities(t *testing.T) {
	t.Parallel()
	big := `{"text":"` + strings.Repeat("x", 100<<10) + `"}`
	nested := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for name, test := range map[string]struct {
		who             gateway.Identity
		presence, group string // the reason of a refusal, "" for none
		cursor          string // the code
	}{
		"a long id":    {gateway.Identity{ID: strings.Repeat("x", 600)}, "FORBIDDEN", "FORBIDDEN", ""},
		"no UTF-8":     {gateway.Identity{ID: "a\xff"}, "FORBIDDEN", "FORBIDDEN", ""},
		"signs":        {gateway.Identity{ID: "a|b:c\"\\\n{}"}, "", "", ""},
		"like another": {gateway.Identity{ID: "~x"}, "", "", ""},
		"much data":    {gateway.Identity{ID: "u", Data: json.RawMessage(big)}, "TOO_LARGE", "TOO_LARGE", "TOO_LARGE"},
		"no JSON":      {gateway.Identity{ID: "u", Data: json.RawMessage(`{"a`)}, "", "TOO_LARGE", ""},
		"deep":         {gateway.Identity{ID: "u", Data: json.RawMessage(nested)}, "", "", ""},
		"a number":     {gateway.Identity{ID: "u", Data: json.RawMessage(`7`)}, "", "", ""},
		"an odd key":   {gateway.Identity{ID: "u", Data: json.RawMessage(`{"id":{"a":1}}`)}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{policies: live, beside: all, options: gateway.Options{
				Authenticate: func(context.Context, *http.Request) (gateway.Identity, error) { return test.who, nil },
			}})
			c := b.dial()
			c.send(`{"type":"subscribe","topic":"room","ref":1}`)
			c.want(`{"type":"subscribed","topic":"room","ref":1}`)
			for range 2 { // the snapshot of cursors, and presence or its refusal
				switch f := c.next(); {
				case f["event"] == "snapshot":
				case test.presence != "" && f["type"] == "subscribe-denied" && f["topic"] == "__presence:room" && f["reason"] == test.presence:
				case test.presence == "" && f["event"] == "presence_state" && len(members(t, f)) == 1:
				default:
					t.Fatalf("got %.200s", fmt.Sprint(f))
				}
			}
			c.send(join("lobby", "", 2))
			switch f := c.next(); {
			case test.group == "" && f["type"] == "joined":
				for range 2 {
					c.next()
				}
			case test.group != "" && f["type"] == "join-denied" && f["reason"] == test.group:
			default:
				t.Fatalf("got %v", f)
			}
			c.send(`{"type":"cursor","topic":"room","data":1}`)
			if f := c.next(); test.cursor != "" && f["code"] != test.cursor || test.cursor == "" && f["event"] != "update" {
				t.Fatalf("got %v", f)
			}
			b.publish("room", "e", "1")
			c.want(`{"topic":"room","event":"e","data":1}`)
		})
	}
}
