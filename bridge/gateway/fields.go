package gateway

import (
	"bytes"
	"strconv"
)

// text returns a field that must be a string.
func (f *frame) text(field int) ([]byte, error) {
	s, ok := text(f.raw[field])
	if !ok {
		return nil, &frameError{fieldNames[field], "must be a string"}
	}
	return s, nil
}

// ref returns the client's reference as it wrote it, nil if there is none.
func (f *frame) ref(field int) ([]byte, error) {
	raw := f.raw[field]
	if raw == nil {
		return nil, nil
	}
	if raw[0] != '"' && !number(raw) || len(raw) > maxRef {
		return nil, &frameError{fieldNames[field], "must be a number or a string, of at most 128 bytes"}
	}
	return raw, nil
}

// anyRef is the reference by which the client knows the answer, nil if it gave none
// that could be sent back.
func (f *frame) anyRef() []byte {
	ref, err := f.ref(fieldRef)
	if ref == nil && err == nil {
		ref, _ = f.ref(fieldReqID)
	}
	return ref
}

// bare reports whether the client wants nothing beside the topic.
func (f *frame) bare() (bool, error) {
	switch string(f.raw[fieldBare]) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, &frameError{"bare", "must be true or false"}
}

// position is where a cursor is, nil if that is not said.
func (f *frame) position() []byte {
	if data := f.raw[fieldData]; data != nil {
		return data
	}
	return f.raw[fieldPosition]
}

// id returns the key of an idempotent publish, "" if there is none.
func (f *frame) id() (string, error) {
	raw := f.raw[fieldID]
	if raw == nil {
		return "", nil
	}
	s := raw
	if raw[0] == '"' {
		s, _ = text(raw)
	} else if !number(raw) {
		s = nil
	}
	if len(s) == 0 || len(s) > 128 {
		return "", &frameError{"id", "must be a string or a number of 1 to 128 bytes"}
	}
	return string(s), nil
}

// since returns where a client wants to go on. ok is false if it does not say.
func (f *frame) since() (seq uint64, epoch string, ok bool, err error) {
	if f.raw[fieldSince] == nil {
		return 0, "", false, nil
	}
	seq, good := whole(f.raw[fieldSince])
	if !good {
		return 0, "", false, &frameError{"since", "must be a whole number from 0"}
	}
	if f.raw[fieldEpoch] != nil {
		e, err := f.text(fieldEpoch)
		if err != nil {
			return 0, "", false, err
		}
		epoch = string(e)
	}
	return seq, epoch, true, nil
}

func number(raw []byte) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// whole reads a number without sign, fraction or exponent.
func whole(raw []byte) (uint64, bool) {
	if len(raw) == 0 || len(raw) > 20 || raw[0] < '0' || raw[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	return n, err == nil
}

// list returns the strings of a field that must be an array of strings.
func (p *parser) list(field int) ([][]byte, error) {
	raw := p.frame.raw[field]
	wrong := &frameError{fieldNames[field], "must be an array of strings"}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, wrong
	}
	p.in = *bytes.NewBuffer(raw)
	p.dec.Reset(&p.in)
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, wrong
	}
	p.names = p.names[:0]
	for p.dec.PeekKind() != ']' {
		v, err := p.value(raw)
		if err != nil {
			return nil, wrong
		}
		s, ok := text(v)
		if !ok {
			return nil, wrong
		}
		p.names = append(p.names, s)
	}
	return p.names, nil
}

// caps tells whether the client takes batches. Capabilities that we do not know
// are the client's own business.
func (p *parser) caps() (batch bool, err error) {
	if p.frame.raw[fieldCaps] == nil {
		return false, nil
	}
	raw := p.frame.raw[fieldCaps]
	if raw[0] != '[' {
		return false, &frameError{"caps", "must be an array"}
	}
	p.in = *bytes.NewBuffer(raw)
	p.dec.Reset(&p.in)
	_, err = p.dec.ReadToken()
	for err == nil && p.dec.PeekKind() != ']' {
		var v []byte
		if v, err = p.value(raw); err == nil {
			s, ok := text(v)
			batch = batch || ok && string(s) == "batch"
		}
	}
	return batch, err
}

// place is where a client stands in one topic.
type place struct {
	topic string
	epoch string
	seq   uint64
}

// places returns lastSeenSeqs with their epochs.
func (p *parser) places() ([]place, error) {
	f := &p.frame
	var places []place
	wrong := &frameError{"lastSeenSeqs", "must be an object of whole numbers from 0"}
	if raw := f.raw[fieldSeqs]; raw == nil || raw[0] != '{' {
		return nil, wrong
	}
	err := p.object(f.raw[fieldSeqs], func(name, value []byte) error {
		seq, ok := whole(value)
		if !ok {
			return wrong
		}
		places = append(places, place{topic: string(name), seq: seq})
		return nil
	})
	if err != nil || f.raw[fieldEpochs] == nil {
		return places, err
	}
	epochs, err := p.epochs()
	for i := range places {
		places[i].epoch = epochs[places[i].topic]
	}
	return places, err
}

func (p *parser) epochs() (map[string]string, error) {
	raw := p.frame.raw[fieldEpochs]
	wrong := &frameError{"epochs", "must be an object of strings"}
	if raw[0] != '{' {
		return nil, wrong
	}
	epochs := make(map[string]string)
	err := p.object(raw, func(name, value []byte) error {
		s, ok := text(value)
		if !ok {
			return wrong
		}
		epochs[string(name)] = string(s)
		return nil
	})
	return epochs, err
}
