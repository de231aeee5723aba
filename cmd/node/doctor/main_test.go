package doctor

import (
	"io"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

func TestMain(m *testing.M) {
	redisconn.LogTo(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m)
}
