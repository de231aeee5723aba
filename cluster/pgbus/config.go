package pgbus

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Defaults of a Config.
const (
	DefaultPing     = time.Second
	DefaultMaxQueue = 32 << 20
)

// LargestFrame is the size in bytes above which a frame is not sent.
const LargestFrame = 20 << 20

// noticeAbove is what Bus.MaxFrame returns.
const noticeAbove = 64 << 10

var (
	// ErrClosed is returned by a Bus that was closed.
	ErrClosed = errors.New("pgbus: closed")

	// ErrTooLarge refuses to publish a frame of more than LargestFrame bytes.
	ErrTooLarge = errors.New("pgbus: frame is too large")

	// ErrOverloaded refuses to publish because Config.MaxQueue bytes wait already. The frame
	// was not sent.
	ErrOverloaded = errors.New("pgbus: too much waits to be sent")

	// ErrUnfollowed ends a Follow whose topic was given up by Unfollow meanwhile.
	ErrUnfollowed = errors.New("pgbus: unfollowed")
)

// Config of a Bus. DB and Node are required.
type Config struct {
	// DB is the node's connection to Postgres. It must outlive the Bus.
	DB *pgdb.DB

	// Node names this node in logs.
	Node string

	// Ping is how often the listening connection is tried, and the server asked when nothing was
	// sent. A half-open connection is found after a Ping and the DB's timeout.
	//
	// Defaults to DefaultPing.
	Ping time.Duration

	// MaxQueue bounds the frames that wait to be sent, in bytes, each with its topic's name and 64
	// more. Beyond it Publish fails; a single frame is always taken.
	//
	// Defaults to DefaultMaxQueue.
	MaxQueue int

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) validate() error {
	var faults []error
	if c.DB == nil {
		faults = append(faults, errors.New("pgbus: config: db is required"))
	}
	if c.Node == "" {
		faults = append(faults, errors.New("pgbus: config: node is required"))
	}
	if c.Ping < 0 {
		faults = append(faults, errors.New("pgbus: config: ping must not be negative"))
	}
	if c.MaxQueue < 0 {
		faults = append(faults, errors.New("pgbus: config: max queue must not be negative"))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	c.Ping = cmp.Or(c.Ping, DefaultPing)
	c.MaxQueue = cmp.Or(c.MaxQueue, DefaultMaxQueue)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
