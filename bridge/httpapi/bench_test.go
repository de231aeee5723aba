package httpapi_test

import (
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bridge/httpapi"
)

// BenchmarkCalls makes calls one after the other, all in memory and without a socket.
func BenchmarkCalls(b *testing.B) {
	keys := []httpapi.Key{keyed("a", "key", httpapi.Permissions()...)}
	event := `{"topic":"live:1","event":"e","data":{"text":"hello"}}`
	for name, c := range map[string][3]string{
		"publish":         {"POST", "/api/v1/publish", event},
		"publish list":    {"POST", "/api/v1/publish", "[" + strings.Repeat(event+",", 255) + event + "]"},
		"consume refused": {"POST", "/api/v1/limits/strict/x/consume", `{"cost":1}`},
	} {
		b.Run(name, func(b *testing.B) {
			a := start(b, httpapi.Options{Keys: keys})
			for b.Loop() {
				r := request(c[0], c[1], c[2])
				r.Header.Set("Authorization", "Bearer key")
				if got := do(a, r); got.status != 200 {
					b.Fatalf("%d %s", got.status, got.body)
				}
			}
		})
	}
}
