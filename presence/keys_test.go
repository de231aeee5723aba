package presence_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/troupe-rt/troupe/presence"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, key, identity, data, want string }{
		{"PRE-08 a text", "", "", `{"id":"7"}`, "7"},
		{"PRE-08 a number is its text", "", "", `{"id":7}`, "7"},
		{"PRE-08 another field", "uid", "sub", `{"id":"x","uid":"u"}`, "u"},
		{"the identity", "", "sub", `{"name":"Ann"}`, "sub"},
		{"an id that is neither", "", "sub", `{"id":{"a":1}}`, "sub"},
		{"PRE-08 nobody in particular", "", "", `{"name":"Ann"}`, "conn"},
		{"PRE-10 the key comes from the raw data", "token", "", `{"token":"t1"}`, "t1"},
		{"data that is no object", "", "", `[1]`, "conn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 1, presence.Policy{Key: c.key}, func(t *testing.T, k *cast) {
				a := k.nodes["a"]
				err := a.Enter("room", presence.Attendee{Outlet: a.client(""), Receiver: 1, Identity: c.identity, Connection: "conn", Data: json.RawMessage(c.data)})
				if err != nil {
					t.Fatal(err)
				}
				a.lists(t, "room", c.want)
			})
		})
	}
}

func TestAnonymousNeverMerge(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		c.nodes["a"].client("").enter("room", "")
		c.nodes["b"].client("").enter("room", "")
		synctest.Wait()
		if n, err := c.nodes["a"].Count(t.Context(), "room"); n != 2 || err != nil {
			t.Errorf("two anonymous users count %d, %v", n, err)
		}
	})
}
