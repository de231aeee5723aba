package pgnotify

import (
	"encoding/json"
	"errors"
	"fmt"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/troupe-rt/troupe/topic"
)

// ErrMalformed is wrapped by what ParseJSON fails with.
var ErrMalformed = errors.New("pgnotify: malformed notification")

// wire is what a payload says.
type wire struct {
	Topic string         `json:"topic"`
	Event string         `json:"event"`
	Data  jsontext.Value `json:"data"`
	ID    string         `json:"id"`
}

// ParseJSON is the Parse of channels without one. A Parse of your own may call it and change what it
// returns. No error shows the payload.
func ParseJSON(_, payload string) (*Message, error) {
	var w wire
	if err := jsonx.Unmarshal([]byte(payload), &w); err != nil {
		return nil, fmt.Errorf(`%w: is no JSON object {"topic","event","data"}`, ErrMalformed)
	}
	if err := topic.CheckName(w.Topic, true); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := topic.CheckEvent(w.Event); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &Message{Topic: w.Topic, Event: w.Event, Data: json.RawMessage(w.Data), ID: w.ID, checked: true}, nil
}
