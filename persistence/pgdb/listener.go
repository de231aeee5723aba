package pgdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// DefaultKeepalive is how often a Listener's connection is asked whether it lives.
const DefaultKeepalive = 5 * time.Second

// A Notification is what NOTIFY sent.
type Notification struct {
	Channel string
	Payload string
	PID     uint32 // the server's process that sent it
}

// ListenConfig is of a Listener. Role, Channels and Received are required. The functions are called one at a
// time, from the Listener's goroutine: while one runs nothing is read.
type ListenConfig struct {
	Role     string   // what the connection is for, in pg_stat_activity
	Channels []string // that are listened to

	// Received takes a notification.
	Received func(Notification)

	// Listening tells that what is sent from now on will be received, and that what was sent after
	// since may have been lost. The first time since is zero.
	Listening func(since time.Time)

	// Lost tells that the connection is gone, or that a try to have one failed. Another try follows.
	Lost func(err error)

	// Elect decides whether this program is to listen: it is asked on a fresh connection before each LISTEN, and
	// again every Poll while it says no. What it locks there is held as long as the connection, which the server ends when it
	// has heard nothing for 2 * (Keepalive or Poll + the DB's timeout), also if this program hangs. nil: always.
	Elect func(ctx context.Context, conn *pgx.Conn) (bool, error)
	Poll  time.Duration // defaults to five seconds

	// Keepalive is how often the connection is asked whether it lives, also while notifications come. It must answer within
	// the DB's timeout. Since of Listening is about one Keepalive before the connection broke.
	//
	// Defaults to DefaultKeepalive.
	Keepalive time.Duration

	// MinWait and MaxWait bound the time between tries to connect, which grows, and is jittered.
	//
	// Default to 100 milliseconds and five seconds.
	MinWait, MaxWait time.Duration
}

// A Listener listens on a connection of its own, and makes a new one when it is lost.
type Listener struct {
	db     *DB
	cfg    ListenConfig
	cancel context.CancelFunc
	done   chan struct{}
	first  chan struct{} // closed when it has listened once
	once   sync.Once

	// good is when something was asked to which the answer came: what was committed before it has been received, since a
	// server sends it ahead of its answer. Zero: never. What was received last says less, as more may have been under way.
	// Owned by the goroutine.
	good time.Time

	began time.Time // to listen, on the connection that is or was last; zero: it has not. Owned by the goroutine
}

// Listen starts a Listener. It returns at once; a database that is away is waited for.
func (db *DB) Listen(cfg ListenConfig) *Listener {
	cfg.Keepalive = cmp.Or(cfg.Keepalive, DefaultKeepalive)
	cfg.Poll = cmp.Or(cfg.Poll, 5*time.Second)
	cfg.MinWait = cmp.Or(cfg.MinWait, 100*time.Millisecond)
	cfg.MaxWait = cmp.Or(cfg.MaxWait, 5*time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	l := &Listener{db: db, cfg: cfg, cancel: cancel, done: make(chan struct{}), first: make(chan struct{})}
	go l.run(ctx)
	return l
}

// First is closed when the Listener has listened for the first time.
func (l *Listener) First() <-chan struct{} { return l.first }

// Close ends it and returns when its connection is closed, and no function runs any more.
func (l *Listener) Close() {
	l.cancel()
	<-l.done
}

func (l *Listener) run(ctx context.Context) {
	defer close(l.done)
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = l.cfg.MinWait, l.cfg.MaxWait
	for ctx.Err() == nil {
		l.began = time.Time{}
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if !l.began.IsZero() && time.Since(l.began) > l.cfg.MaxWait {
			b.Reset()
		}
		if l.cfg.Lost != nil {
			l.cfg.Lost(err)
		}
		pause(ctx, min(b.NextBackOff(), l.cfg.MaxWait))
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// session is the life of one connection.
func (l *Listener) session(ctx context.Context) error {
	conn, err := l.db.Connect(ctx, l.cfg.Role)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.db.timeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := l.limit(ctx, conn); err != nil {
		return err
	}
	if err := l.elected(ctx, conn); err != nil {
		return err
	}
	asked := time.Now()
	if err := l.listen(ctx, conn); err != nil {
		return err
	}
	l.began = time.Now()
	l.once.Do(func() { close(l.first) })
	since := l.good
	l.good = asked
	if l.cfg.Listening != nil {
		l.cfg.Listening(since)
	}
	return l.read(ctx, conn)
}

// silence is how long the server waits for a sign of this program before it ends the connection, and with it what was
// locked there: another may then be elected, and the queue of notifications does not grow for nobody.
func (l *Listener) silence() time.Duration {
	often := l.cfg.Keepalive
	if l.cfg.Elect != nil {
		often = max(often, l.cfg.Poll)
	}
	return 2 * (often + l.db.timeout)
}

func (l *Listener) limit(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.db.timeout)
	defer cancel()
	if _, err := conn.Exec(ctx, "set idle_session_timeout = "+milliseconds(l.silence())); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	return nil
}

// elected returns nil when this program is to listen.
func (l *Listener) elected(ctx context.Context, conn *pgx.Conn) error {
	for l.cfg.Elect != nil {
		ours, err := l.ask(ctx, conn)
		if err != nil {
			return fmt.Errorf("election: %w", err)
		}
		if ours {
			return nil
		}
		if pause(ctx, l.cfg.Poll); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (l *Listener) ask(ctx context.Context, conn *pgx.Conn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.db.timeout)
	defer cancel()
	return l.cfg.Elect(ctx, conn)
}

func (l *Listener) listen(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.db.timeout)
	defer cancel()
	for _, channel := range l.cfg.Channels {
		if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	return nil
}

// read hands over what comes until the connection is lost. Each Keepalive it asks whether the connection lives.
func (l *Listener) read(ctx context.Context, conn *pgx.Conn) error {
	for {
		err := l.receive(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded) || conn.IsClosed():
			return err
		}
		asked := time.Now()
		if err := l.lives(ctx, conn); err != nil {
			return fmt.Errorf("silent connection: %w", err)
		}
		l.good = asked
	}
}

// receive hands over what comes within a Keepalive.
func (l *Listener) receive(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Keepalive)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		l.cfg.Received(Notification{n.Channel, n.Payload, n.PID})
	}
}

// lives asks something. What is notified meanwhile comes with the next wait.
func (l *Listener) lives(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.db.timeout)
	defer cancel()
	return conn.Ping(ctx)
}
