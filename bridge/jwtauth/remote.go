package jwtauth

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// UnknownKeyInterval is the least time between two fetches that tokens cause by naming a
// key that is not known.
const UnknownKeyInterval = 10 * time.Second

const fetchDeadline = 5 * time.Second

// A remote is a key set somewhere else. Its goroutine does all fetching but the first, one
// at a time; close ends it.
type remote struct {
	url     string
	client  *http.Client
	own     bool // client's transport is ours to close
	refresh time.Duration
	log     *slog.Logger
	metrics *metrics

	find atomic.Pointer[jwt.Keyfunc] // nil until a fetch succeeded
	asks chan chan struct{}          // closed when the answer is there
	stop context.CancelFunc
	done chan struct{}
}

// startRemote makes the first fetch, which may fail, and starts the goroutine.
func startRemote(ctx context.Context, from string, cfg Config, m *metrics) *remote {
	r := &remote{
		url:     from,
		client:  &http.Client{Transport: cfg.Transport, CheckRedirect: checkRedirect},
		refresh: cfg.Refresh,
		log:     cfg.Logger,
		metrics: m,
		asks:    make(chan chan struct{}),
		done:    make(chan struct{}),
	}
	if cfg.Transport == nil {
		r.own = true
		r.client.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	retry := &backoff.ExponentialBackOff{
		InitialInterval:     time.Second,
		Multiplier:          2,
		RandomizationFactor: 0.5,
		MaxInterval:         time.Minute,
	}
	retry.Reset()
	first := r.fetch(ctx, retry)
	life, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.run(life, first, retry)
	return r
}

func (r *remote) run(ctx context.Context, next time.Duration, retry *backoff.ExponentialBackOff) {
	defer close(r.done)
	unknown := rate.NewLimiter(rate.Every(UnknownKeyInterval), 1)
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case answered := <-r.asks:
			if unknown.Allow() {
				timer.Reset(r.fetch(ctx, retry))
			}
			close(answered)
		case <-timer.C:
			timer.Reset(r.fetch(ctx, retry))
		}
	}
}

// fetch renews the keys and returns when to do it again. Keys that are there stay when
// it fails.
func (r *remote) fetch(ctx context.Context, retry *backoff.ExponentialBackOff) time.Duration {
	short, cancel := context.WithTimeout(ctx, fetchDeadline)
	defer cancel()
	find, err := get(short, r.client, r.url)
	if err != nil {
		r.metrics.fetched(false)
		if ctx.Err() == nil {
			r.log.Warn("keys could not be fetched", "err", err, "kind", "jwks")
		}
		return min(retry.NextBackOff(), r.refresh)
	}
	r.metrics.fetched(true)
	r.find.Store(&find)
	retry.Reset()
	return r.refresh
}

// key implements keySource.
func (r *remote) key(token *jwt.Token) (any, error) {
	find := r.find.Load()
	if find == nil {
		return nil, ErrUnavailable
	}
	return (*find)(token)
}

// renew asks for a fetch and waits for it. Where one was made for another token a moment
// ago it does nothing.
func (r *remote) renew(ctx context.Context) {
	answered := make(chan struct{})
	select {
	case r.asks <- answered:
	case <-ctx.Done():
		return
	case <-r.done:
		return
	}
	select {
	case <-answered:
	case <-ctx.Done():
	case <-r.done:
	}
}

func (r *remote) close() {
	r.stop()
	<-r.done
	if r.own {
		r.client.CloseIdleConnections()
	}
}
