package doctor

import (
	"strconv"
	"strings"
	"time"
)

// Facts are what was learned, before anybody judges.
type Facts struct {
	Replicas int // how many the node is to wait for
	Servers  []Server
	Cluster  *ClusterState // nil: not a Redis Cluster
	Missing  []Refusal     // commands that failed
	PubSub   error         // nil: what was published came back
	RoundTrip
}

// RoundTrip is how far away the server is.
type RoundTrip struct {
	Median time.Duration // of the round trips of 20 pings
	Ahead  time.Duration // how far the server's clock is ahead of this machine's
}

// A Server is one that takes writes.
type Server struct {
	Addr   string
	Info   map[string]string // INFO, all sections; nil: not shown
	Config map[string]string // CONFIG GET; nil: forbidden
}

// ClusterState is CLUSTER INFO; Err where it was refused.
type ClusterState struct {
	State string // ok or fail
	Slots int    // assigned and served
	Err   error
}

// A Refusal is a command that Troupe needs and that did not work.
type Refusal struct {
	Command string
	Err     error
}

// setting looks in CONFIG first and in INFO second, where the name differs.
func (s *Server) setting(config, info string) (value string, known bool) {
	if value, known = s.Config[config]; known {
		return value, true
	}
	value, known = s.Info[info]
	return value, known && info != ""
}

// number is setting for whole numbers.
func (s *Server) number(config, info string) (n int64, known bool) {
	text, known := s.setting(config, info)
	if !known {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// parseInfo reads the answer of INFO and of CLUSTER INFO.
func parseInfo(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && !strings.HasPrefix(name, "#") {
			fields[name] = value
		}
	}
	return fields
}

// buffers reads client-output-buffer-limit for one class of clients.
func buffers(text, class string) (hard, soft int64, ok bool) {
	words := strings.Fields(text)
	for i := 0; i+3 < len(words); i += 4 {
		if words[i] != class {
			continue
		}
		hard, err1 := strconv.ParseInt(words[i+1], 10, 64)
		soft, err2 := strconv.ParseInt(words[i+2], 10, 64)
		return hard, soft, err1 == nil && err2 == nil
	}
	return 0, 0, false
}
