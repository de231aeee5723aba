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

// DefaultKeepalive is how long a Listener's connection may say nothing before it is asked whether it lives.
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
	// again every Poll while it says no. What it locks there is held as long as the connection. nil: always.
	Elect func(ctx context.Context, conn *pgx.Conn) (bool, error)
	Poll  time.Duration // defaults to five seconds

	// Keepalive is how long the connection may be silent before it is asked whether it lives. It must answer
	// within the DB's timeout.
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

	lastAlive time.Time // of the connection before; zero: none. Owned by the goroutine
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
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > l.cfg.MaxWait {
			b.Reset()
		}
		if l.cfg.Lost != nil {
			l.cfg.Lost(err)
		}
		pause(ctx, b.NextBackOff())
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
	if err := l.elected(ctx, conn); err != nil {
		return err
	}
	if err := l.listen(ctx, conn); err != nil {
		return err
	}
	l.once.Do(func() { close(l.first) })
	if l.cfg.Listening != nil {
		l.cfg.Listening(l.lastAlive)
	}
	return l.read(ctx, conn)
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

// read hands over what comes until the connection is lost.
func (l *Listener) read(ctx context.Context, conn *pgx.Conn) error {
	for {
		l.lastAlive = time.Now()
		silent, cancel := context.WithTimeout(ctx, l.cfg.Keepalive)
		n, err := conn.WaitForNotification(silent)
		cancel()
		switch {
		case err == nil:
			l.cfg.Received(Notification{n.Channel, n.Payload, n.PID})
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !conn.IsClosed():
			if err := l.lives(ctx, conn); err != nil {
				return fmt.Errorf("silent connection: %w", err)
			}
		default:
			return err
		}
	}
}

// lives asks something. What is notified meanwhile comes with the next wait.
func (l *Listener) lives(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.db.timeout)
	defer cancel()
	return conn.Ping(ctx)
}
