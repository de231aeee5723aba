package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

// TestBadFrames sends each kind of bad frame over a socket. All are answered, and
// the connection stays.
// (REP-20, STR-06)
func TestBadFrames(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	for i := range 10 {
		b.publish("chat", "e", fmt.Sprint(i))
	}
	nest := strings.Repeat(`[`, 20_000)
	for name, test := range map[string]struct{ frame, code, says string }{
		"not JSON":              {`nonsense`, "INVALID_FRAME", "must be JSON"},
		"empty":                 {``, "INVALID_FRAME", "must be JSON"},
		"half":                  {`{"type":"subscribe"`, "INVALID_FRAME", "must be JSON"},
		"two":                   {`{"type":"hello"}{"type":"hello"}`, "INVALID_FRAME", "nothing after it"},
		"array":                 {`[1,2]`, "INVALID_FRAME", "must be a JSON object"},
		"number":                {`7`, "INVALID_FRAME", "must be a JSON object"},
		"same field twice":      {`{"type":"subscribe","topic":"a","topic":"b"}`, "INVALID_FRAME", "duplicate"},
		"nesting":               {`{"type":"publish","topic":"a","event":"e","data":` + nest + `}`, "INVALID_FRAME", "must not nest deeper"},
		"nesting alone":         {nest, "INVALID_FRAME", "must not nest deeper"},
		"no type":               {`{"topic":"a"}`, "UNKNOWN_FRAME", "type is missing"},
		"type is no string":     {`{"type":5}`, "UNKNOWN_FRAME", "type is missing"},
		"unknown type":          {`{"type":"dance"}`, "UNKNOWN_FRAME", "not known"},
		"no topic":              {`{"type":"subscribe","ref":3}`, "INVALID_FRAME", "topic must be a string"},
		"topic is a number":     {`{"type":"subscribe","topic":4,"ref":3}`, "INVALID_FRAME", "topic must be a string"},
		"ref is an object":      {`{"type":"subscribe","topic":"a","ref":{}}`, "INVALID_FRAME", "ref must be"},
		"ref is long":           {`{"type":"subscribe","topic":"a","ref":"` + strings.Repeat("r", 200) + `"}`, "INVALID_FRAME", "ref must be"},
		"since negative":        {`{"type":"subscribe","topic":"chat","since":-1,"ref":3}`, "INVALID_FRAME", "since must be a whole number"},
		"since fraction":        {`{"type":"subscribe","topic":"chat","since":1.5,"ref":3}`, "INVALID_FRAME", "since must be a whole number"},
		"since string":          {`{"type":"subscribe","topic":"chat","since":"5","ref":3}`, "INVALID_FRAME", "since must be a whole number"},
		"since huge":            {`{"type":"subscribe","topic":"chat","since":99999999999999999999,"ref":3}`, "INVALID_FRAME", "since must be a whole number"},
		"epoch is a number":     {`{"type":"subscribe","topic":"chat","since":1,"epoch":1}`, "INVALID_FRAME", "epoch must be a string"},
		"topics is no array":    {`{"type":"subscribe-batch","topics":"a"}`, "INVALID_FRAME", "topics must be an array"},
		"topics of numbers":     {`{"type":"subscribe-batch","topics":["a",1]}`, "INVALID_FRAME", "topics must be an array"},
		"caps is no array":      {`{"type":"hello","caps":"batch"}`, "INVALID_FRAME", "caps must be an array"},
		"seqs is no object":     {`{"type":"resume","lastSeenSeqs":[1]}`, "INVALID_FRAME", "lastSeenSeqs must be"},
		"seqs absent":           {`{"type":"resume","sessionId":"x"}`, "INVALID_FRAME", "lastSeenSeqs must be"},
		"seq negative":          {`{"type":"resume","lastSeenSeqs":{"chat":-1}}`, "INVALID_FRAME", "lastSeenSeqs must be"},
		"epochs of numbers":     {`{"type":"resume","lastSeenSeqs":{"chat":1},"epochs":{"chat":1}}`, "INVALID_FRAME", "epochs must be"},
		"no event":              {`{"type":"publish","topic":"a","ref":3}`, "INVALID_FRAME", "event must be a string"},
		"event with quote":      {`{"type":"publish","topic":"a","event":"a\"","ref":3}`, "INVALID_FRAME", "event must be 1 to 256"},
		"id is an object":       {`{"type":"publish","topic":"a","event":"e","id":{}}`, "INVALID_FRAME", "id must be"},
		"id is empty":           {`{"type":"publish","topic":"a","event":"e","id":""}`, "INVALID_FRAME", "id must be"},
		"replay since string":   {`{"type":"replay","topic":"chat","since":"5","reqId":3}`, "INVALID_FRAME", "since must be a whole number"},
		"replay since fraction": {`{"type":"replay","topic":"chat","since":0.5,"reqId":3}`, "INVALID_FRAME", "since must be a whole number"},
		"reply ref negative":    {`{"type":"reply","ref":-1}`, "INVALID_FRAME", "ref must be the number"},
		"cursor without topic":  {`{"type":"cursor","data":1,"ref":3}`, "INVALID_FRAME", "topic must be a string"},
		"cursor without data":   {`{"type":"cursor","topic":"a","ref":3}`, "INVALID_FRAME", "data must be there"},
		"cursor at null":        {`{"type":"cursor","topic":"a","data":null,"position":null}`, "INVALID_FRAME", "data must be there"},
		"cursor of a number":    {`{"type":"cursor","topic":7,"data":1}`, "INVALID_FRAME", "topic must be a string"},
		"snapshot of an array":  {`{"type":"cursor-snapshot","topic":["a"],"ref":3}`, "INVALID_FRAME", "topic must be a string"},
		"cursor, no such topic": {`{"type":"cursor","topic":"a","data":1,"ref":3}`, "FORBIDDEN", "not moved"},
		"presence of nothing":   {`{"type":"presence","ref":3}`, "INVALID_FRAME", "topic must be a string"},
		"presence of a number":  {`{"type":"presence","topic":1}`, "INVALID_FRAME", "topic must be a string"},
		"presence, odd ref":     {`{"type":"presence","topic":"a","ref":true}`, "INVALID_FRAME", "ref must be"},
		"join nothing":          {`{"type":"join","ref":3}`, "INVALID_FRAME", "group must be a string"},
		"join an object":        {`{"type":"join","group":{},"ref":3}`, "INVALID_FRAME", "group must be a string"},
		"join as a number":      {`{"type":"join","group":"g","role":1,"ref":3}`, "INVALID_FRAME", "role must be a string"},
		"leave nothing":         {`{"type":"leave"}`, "INVALID_FRAME", "group must be a string"},
		"leave an array":        {`{"type":"leave","group":[]}`, "INVALID_FRAME", "group must be a string"},
		"unsubscribe number":    {`{"type":"unsubscribe","topic":1}`, "INVALID_FRAME", "topic must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			c := b.dial()
			c.t = t
			c.send(test.frame)
			f := c.next()
			if f["type"] != "error" || f["code"] != test.code || !strings.Contains(f["message"].(string), test.says) {
				t.Errorf("got %v, want %s: %s", f, test.code, test.says)
			}
			if strings.Contains(test.frame, `"ref":3`) || strings.Contains(test.frame, `"reqId":3`) {
				if fmt.Sprint(f["ref"]) != "3" {
					t.Errorf("ref is missing: %v", f)
				}
			}
			c.sync() // nothing else was sent, and it is still there
		})
	}
}

func TestBinaryWithoutHook(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	if err := c.ws.Write(context.Background(), websocket.MessageBinary, []byte(`{"type":"hello"}`)); err != nil {
		t.Fatal(err)
	}
	if f := c.next(); f["code"] != "UNKNOWN_FRAME" {
		t.Fatalf("got %v", f)
	}
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	for _, text := range []string{"\xff", "{\"type\":\"\xc3\x28\"}", "\xed\xa0\x80"} {
		c := b.dial()
		c.send(text)
		c.wantClose(1007)
	}
}

func TestDeepButLargeFrame(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	c.send(strings.Repeat(`[`, 1<<20))
	c.wantClose(1009)
}

// TestSinceBeyondNewest shows REP-11.
func TestSinceBeyondNewest(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.publish("chat", "e", "1")
	c := b.dial()
	c.send(`{"type":"subscribe","topic":"chat","since":9}`)
	f := c.next()
	data, _ := f["data"].(obj)
	if f["event"] != "truncated" || fmt.Sprint(data["since"]) != "9" || fmt.Sprint(data["seq"]) != "1" || fmt.Sprint(data["oldest"]) != "1" {
		t.Fatalf("got %v", f)
	}
	c.want(`{"topic":"chat","event":"e","data":1,"seq":1}`)
}

func TestTooManyFrames(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{Limits: gateway.Limits{FramesPerSecond: 20}}})
	c := b.dial()
	ctx := context.Background()
	for range 100 { // twice the limit falls into one second in any case
		if c.ws.Write(ctx, websocket.MessageText, []byte(`{"type":"hello"}`)) != nil {
			break
		}
	}
	c.wantClose(4429)
}

func TestTenThousandSubscriptions(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{Limits: gateway.Limits{MaxTopics: 10_000}}})
	c := b.dial()
	for from := 0; from < 10_240; from += 256 {
		names := make([]string, 256)
		for i := range names {
			names[i] = fmt.Sprintf(`"t%05d"`, from+i)
		}
		c.send(fmt.Sprintf(`{"type":"subscribe-batch","topics":[%s],"ref":1}`, strings.Join(names, ",")))
	}
	got := map[string]int{}
	for range 10_240 {
		f := c.next()
		got[fmt.Sprint(f["type"], f["reason"])]++
	}
	if got["subscribed<nil>"] != 10_000 || got["subscribe-deniedRATE_LIMITED"] != 240 {
		t.Fatalf("got %v", got)
	}
	b.publish("t00000", "e", "1")
	c.want(`{"topic":"t00000","event":"e","data":1}`)
	b.publish("t09999", "e", "1")
	c.want(`{"topic":"t09999","event":"e","data":1}`)
}
