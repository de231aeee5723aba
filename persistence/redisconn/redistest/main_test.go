package redistest_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	goleak.VerifyTestMain(m)
}

// silent takes what go-redis says of servers that the tests break.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
