package actors

// A Behavior is what the actor of one key does. Its methods run one at a time,
// on the actor's goroutine; they must not wait for anything (see [Context.Go]),
// since a system runs 1,024 actors at once and others wait their turn.
// A Behavior is made once per activation and survives a restart.
type Behavior[M any] interface {
	// Start is called first, and again after each panic, with c.Restarts() > 0 and
	// the state as the panic left it.
	Start(c *Context[M])

	// Handle handles one message.
	Handle(c *Context[M], m M)

	// Flush is called when the mailbox ran dry, when Kind.MaxBatch messages were
	// handled since the last Flush, and after each restart: what Handle gathered is
	// to be written now.
	Flush(c *Context[M])

	// Stop is the last call. The reason is ErrPassivated, ErrClosed or ErrFailed.
	// Whoever still waits for an answer is to be given one here.
	Stop(c *Context[M], reason error)
}

// A Passivator is a Behavior that is asked before it is retired. One that
// declines is asked again when it has been idle for that long once more.
type Passivator interface {
	MayPassivate() bool
}

// A NoticeHandler is a Behavior that wants to see what System.Announce announces.
type NoticeHandler[M any] interface {
	HandleNotice(c *Context[M], notice any)
}

// A Refuser is a message that wants to know if it will never be handled to its
// end: its handling panicked (the error is a *PanicError), or its actor stopped
// with the message in the queue (ErrClosed or ErrFailed). Refuse is called exactly
// once in that case, must not block, and is not called when Tell returned an error.
type Refuser interface {
	Refuse(err error)
}
