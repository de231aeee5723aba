package ratelimit

// A message is what a key's actor is told.
type message interface{ Refuse(err error) }

// A consume is a command. Cost 0 only looks.
type consume struct {
	limit string
	cost  int
	call
}

// An alter is a command from outside.
type alter struct {
	limit  string
	change Change
	call
}

// An altered is an event: the Store did what an alter asked, or not.
type altered struct {
	alter *alter
	err   error
}

// A forget is a command: what is known of keys of this limit may be wrong. With no
// limit it only wakes.
type forget struct{ limit string }

func (m *consume) Refuse(err error) { m.answer(Result{}, refusal(m.limit, err)) }
func (m *alter) Refuse(err error)   { m.answer(Result{}, refusal(m.limit, err)) }
func (t *take) Refuse(err error)    { t.fail(refusal(t.limit, err)) }
func (m *altered) Refuse(err error) { m.alter.Refuse(err) }
func (*forget) Refuse(error)        {}
