package breaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Immediately as Options.ResetTimeout makes the call after the breaking one a probe.
const Immediately time.Duration = -1

// Options of a Breaker. Backend is required.
type Options struct {
	// Backend names what is watched, in errors, metrics and announcements.
	Backend string

	// FailureThreshold is how many failures in a row break a healthy breaker.
	//
	// Defaults to 5.
	FailureThreshold int

	// ResetTimeout is how long the breaker stays broken before it probes.
	//
	// Defaults to 30 seconds. Immediately stands for no time at all.
	ResetTimeout time.Duration

	// ProbeTimeout is how long a probe keeps others from probing when nobody reports
	// its outcome.
	//
	// Defaults to 10 seconds.
	ProbeTimeout time.Duration

	// Ignore reports errors that say nothing about the backend: they neither count
	// as failures nor as successes. It must be safe to call concurrently.
	//
	// Defaults to those that are context.Canceled.
	Ignore func(error) bool

	// Answered reports errors that show that the backend is well, such as a missing
	// key: they count as successes. It must be safe to call concurrently.
	//
	// Defaults to none.
	Answered func(error) bool

	// Reason names a failure in a word that may be shown to anyone, such as
	// timeout. It must be safe to call concurrently.
	//
	// Defaults to "timeout" for a deadline and "error" for everything else.
	Reason func(error) string

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing; may be shared by breakers
}

func (o Options) withDefaults() Options {
	o.FailureThreshold = cmp.Or(o.FailureThreshold, 5)
	o.ResetTimeout = cmp.Or(o.ResetTimeout, 30*time.Second)
	o.ProbeTimeout = cmp.Or(o.ProbeTimeout, 10*time.Second)
	if o.Ignore == nil {
		o.Ignore = func(err error) bool { return errors.Is(err, context.Canceled) }
	}
	if o.Answered == nil {
		o.Answered = func(error) bool { return false }
	}
	if o.Reason == nil {
		o.Reason = func(err error) string {
			if errors.Is(err, context.DeadlineExceeded) {
				return "timeout"
			}
			return "error"
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate returns all faults at once.
func (o Options) validate() error {
	var faults []error
	if o.Backend == "" {
		faults = append(faults, errors.New("Backend is empty"))
	}
	if o.FailureThreshold < 0 {
		faults = append(faults, fmt.Errorf("FailureThreshold is %d, want at least 1", o.FailureThreshold))
	}
	if o.ResetTimeout < Immediately {
		faults = append(faults, fmt.Errorf("ResetTimeout is %v, want a duration or Immediately", o.ResetTimeout))
	}
	if o.ProbeTimeout < 0 {
		faults = append(faults, fmt.Errorf("ProbeTimeout is %v, want a positive duration", o.ProbeTimeout))
	}
	return errors.Join(faults...)
}

// judge says what err means for the backend.
func (o *Options) judge(err error) verdict {
	switch {
	case err == nil || o.Answered(err):
		return succeeded
	case o.Ignore(err):
		return unclear
	}
	return failed
}
