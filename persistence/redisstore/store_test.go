package redisstore

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a Store that shares nothing with others on the server.
func open(t testing.TB, url string) *Store {
	t.Helper()
	conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: url, Prefix: newEpoch() + ":"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return New(Config{Conn: conn, Node: "test"})
}
