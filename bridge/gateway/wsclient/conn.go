package wsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/topic"
)

// buffered is how many events wait for Next before the connection is read no
// further.
const buffered = 256

// maxMessage is the greatest message that is taken from a node, in bytes.
const maxMessage = 32 << 20

// Options of Dial. The zero Options work.
type Options struct {
	Header     http.Header  // of the upgrade request, for Authorization or Origin
	HTTPClient *http.Client // defaults to http.DefaultClient
	Session    string       // an earlier SessionID, to take it up again
}

// An Event is what a topic or the node itself sent.
type Event struct {
	Topic string          `json:"topic"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Seq   uint64          `json:"seq"` // 0 without history
}

// A Receipt answers a publish.
type Receipt struct {
	Position  topic.Position // zero without history
	Duplicate bool           // the id had been seen; nothing was published
}

// A Conn is one connection. Its methods may be called from any goroutine.
type Conn struct {
	SessionID string // given by the node
	Node      string // its id
	Resumed   bool   // Options.Session was taken up

	ws     *websocket.Conn
	events chan Event
	ctx    context.Context // ends with the connection; its cause is a *ClosedError
	end    context.CancelCauseFunc
	reader sync.WaitGroup

	mu      sync.Mutex
	last    uint64
	waiting map[string]chan frame
}

// frame is every message of a node in one.
type frame struct {
	Event
	Type      string          `json:"type"`
	SessionID string          `json:"sessionId"`
	Node      string          `json:"node"`
	Resumed   bool            `json:"resumed"`
	Ref       json.RawMessage `json:"ref"`
	Epoch     string          `json:"epoch"`
	Reason    string          `json:"reason"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Duplicate bool            `json:"duplicate"`
	Events    []Event         `json:"events"`
}

// Dial connects to the address of a node, such as ws://127.0.0.1:8080/ws, and
// waits for its welcome. ctx bounds that. The caller must Close the Conn.
func Dial(ctx context.Context, url string, o Options) (*Conn, error) {
	if o.Session != "" {
		url += "?session=" + o.Session
	}
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: o.HTTPClient, HTTPHeader: o.Header})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, &StatusError{resp.StatusCode}
		}
		return nil, fmt.Errorf("wsclient: connect: %w", err)
	}
	ws.SetReadLimit(maxMessage)
	c := &Conn{ws: ws, events: make(chan Event, buffered), waiting: make(map[string]chan frame)}
	f, err := c.read(ctx)
	if err == nil && f.Type != "welcome" {
		err = fmt.Errorf("wsclient: the first frame is %q, not welcome: is this a Troupe node?", f.Type)
	}
	if err != nil {
		_ = ws.CloseNow() // err matters
		return nil, err
	}
	c.SessionID, c.Node, c.Resumed = f.SessionID, f.Node, f.Resumed
	c.ctx, c.end = context.WithCancelCause(context.Background())
	c.reader.Go(c.receive)
	if err := c.send(ctx, map[string]any{"type": "hello", "caps": []string{"batch"}}); err != nil {
		_ = c.Close() // err matters
		return nil, err
	}
	return c, nil
}

// Close ends the connection in good order and waits.
func (c *Conn) Close() error {
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	c.end(&ClosedError{Code: int(websocket.StatusNormalClosure), Err: context.Canceled})
	c.reader.Wait()
	if err != nil {
		return fmt.Errorf("wsclient: close: %w", err)
	}
	return nil
}

// Next returns the next event, in the order of arrival over all topics.
func (c *Conn) Next(ctx context.Context) (Event, error) {
	select { // what has come is given out before the end
	case e := <-c.events:
		return e, nil
	default:
	}
	select {
	case e := <-c.events:
		return e, nil
	case <-ctx.Done():
		return Event{}, ctx.Err()
	case <-c.ctx.Done():
		select {
		case e := <-c.events:
			return e, nil
		default:
			return Event{}, context.Cause(c.ctx)
		}
	}
}

// Subscribe follows a topic and returns where it stands. With since, what was
// published after that comes first; an empty Epoch fits every epoch.
func (c *Conn) Subscribe(ctx context.Context, name string, since *topic.Position) (topic.Position, error) {
	return c.subscribe(ctx, map[string]any{"type": "subscribe", "topic": name}, since)
}

// Observe is Subscribe without being there: the client is no member of the topic, and
// is sent neither presence nor cursors.
func (c *Conn) Observe(ctx context.Context, name string, since *topic.Position) (topic.Position, error) {
	return c.subscribe(ctx, map[string]any{"type": "subscribe", "topic": name, "bare": true}, since)
}

func (c *Conn) subscribe(ctx context.Context, m map[string]any, since *topic.Position) (topic.Position, error) {
	if since != nil {
		m["since"] = since.Seq
		if since.Epoch != "" {
			m["epoch"] = since.Epoch
		}
	}
	f, err := c.ask(ctx, m)
	if err != nil {
		return topic.Position{}, err
	}
	return topic.Position{Epoch: f.Epoch, Seq: f.Seq}, nil
}

// Unsubscribe ends it. Events that are on their way still come.
func (c *Conn) Unsubscribe(ctx context.Context, name string) error {
	return c.send(ctx, map[string]any{"type": "unsubscribe", "topic": name})
}

// Publish sends an event and waits until the node has it. data is JSON; id may be
// empty.
func (c *Conn) Publish(ctx context.Context, name, event string, data json.RawMessage, id string) (Receipt, error) {
	m := map[string]any{"type": "publish", "topic": name, "event": event}
	if len(data) > 0 {
		m["data"] = data
	}
	if id != "" {
		m["id"] = id
	}
	f, err := c.ask(ctx, m)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{topic.Position{Epoch: f.Epoch, Seq: f.Seq}, f.Duplicate}, nil
}

// ask sends a frame with a reference and waits for the answer.
func (c *Conn) ask(ctx context.Context, m map[string]any) (frame, error) {
	answer := make(chan frame, 1)
	c.mu.Lock()
	c.last++
	ref := c.last
	c.waiting[strconv.FormatUint(ref, 10)] = answer
	c.mu.Unlock()
	defer c.forget(ref)
	m["ref"] = ref
	if err := c.send(ctx, m); err != nil {
		return frame{}, err
	}
	select {
	case f := <-answer:
		switch f.Type {
		case "subscribe-denied", "publish-denied":
			name, _ := m["topic"].(string)
			return frame{}, &DeniedError{name, f.Reason}
		case "error":
			return frame{}, &FrameError{f.Code, f.Message}
		}
		return f, nil
	case <-ctx.Done():
		return frame{}, ctx.Err()
	case <-c.ctx.Done():
		return frame{}, context.Cause(c.ctx)
	}
}

func (c *Conn) forget(ref uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, strconv.FormatUint(ref, 10))
}

func (c *Conn) send(ctx context.Context, m map[string]any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // data arrives as it was given
	if err := encoder.Encode(m); err != nil {
		return fmt.Errorf("wsclient: encode: %w", err)
	}
	if err := c.ws.Write(ctx, websocket.MessageText, b.Bytes()); err != nil {
		if cause := context.Cause(c.ctx); cause != nil {
			return cause
		}
		return fmt.Errorf("wsclient: send: %w", err)
	}
	return nil
}

func (c *Conn) read(ctx context.Context) (frame, error) {
	_, b, err := c.ws.Read(ctx)
	if err != nil {
		closed := &ClosedError{Code: -1, Err: err}
		var ce websocket.CloseError
		if errors.As(err, &ce) {
			closed.Code, closed.Reason = int(ce.Code), ce.Reason
		}
		return frame{}, closed
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		return frame{}, fmt.Errorf("wsclient: decode: %w", err)
	}
	return f, nil
}

// receive is the reader's goroutine. It ends with the connection.
func (c *Conn) receive() {
	for {
		f, err := c.read(context.Background())
		if err != nil {
			c.end(err)
			return
		}
		c.handle(f)
	}
}

func (c *Conn) handle(f frame) {
	switch {
	case f.Type == "batch":
		for _, e := range f.Events {
			c.deliver(e)
		}
	case f.Type == "" && f.Topic != "":
		c.deliver(f.Event)
	case len(f.Ref) > 0:
		c.mu.Lock()
		answer := c.waiting[string(f.Ref)]
		c.mu.Unlock()
		if answer != nil {
			answer <- f // one answer per ask, and room for one
			c.mu.Lock()
			delete(c.waiting, string(f.Ref))
			c.mu.Unlock()
		}
	}
}

func (c *Conn) deliver(e Event) {
	select {
	case c.events <- e:
	case <-c.ctx.Done():
	}
}
