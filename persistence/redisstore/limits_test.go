package redisstore

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	storetest.Limits(t, func(t *testing.T) ratelimit.Store {
		return openLimits(t, redisconn.Config{URL: server.URL()})
	}, storetest.LimitOptions{Unit: 400 * time.Millisecond})
}

func TestLimitsOnCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	storetest.Limits(t, func(t *testing.T) ratelimit.Store {
		return openLimits(t, redisconn.Config{URL: cluster.URL()})
	}, storetest.LimitOptions{Unit: 400 * time.Millisecond})
}
