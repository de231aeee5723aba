package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Judge turns what was learned of Redis into findings, server by server and then for
// all together.
func Judge(f Facts) []Finding {
	var found []Finding
	for i := range f.Servers {
		for _, check := range []func(*Server) []Finding{
			checkVersion, checkRole, checkMemory, checkEviction, checkBuffers, checkPersistence, checkDisk, checkTimeouts,
		} {
			found = append(found, named(f, i, check(&f.Servers[i]))...)
		}
		found = append(found, named(f, i, checkReplicas(&f.Servers[i], f.Replicas))...)
	}
	if f.Cluster != nil {
		found = append(found, checkCluster(f.Cluster))
	}
	return of(backendRedis, append(found, checkRights(f.Missing), checkPubSub(f.PubSub),
		checkLatency("Redis", f.Median), checkClock("Redis", f.Ahead)))
}

// named adds whose finding it is where there is more than one server.
func named(f Facts, i int, found []Finding) []Finding {
	if len(f.Servers) > 1 {
		for j := range found {
			found[j].Server = f.Servers[i].Addr
		}
	}
	return found
}

func one(check string, v Verdict, what, effect, fix string) []Finding {
	return []Finding{{Check: check, Verdict: v, What: what, Effect: effect, Fix: fix}}
}

func hidden(check, what string) []Finding {
	return one(check, Unknown, "Could not check "+what+": the server shows neither CONFIG nor INFO to this user.",
		"Whether the guarantees hold depends on it all the same.", "Look it up with whoever runs the server.")
}

func checkVersion(s *Server) []Finding {
	version := s.Info["redis_version"]
	if version == "" {
		return hidden("version", "the version")
	}
	major, err := strconv.Atoi(strings.Split(version, ".")[0])
	if err != nil || major < 7 {
		return one("version", Fail, "The server is Redis "+version+".",
			"Troupe needs 7.0 or newer; its scripts and sharded channels fail on older ones.", "Upgrade Redis.")
	}
	return one("version", OK, "The server is Redis "+version+".", "Troupe needs 7.0 or newer.", "")
}

func checkRole(s *Server) []Finding {
	if role := s.Info["role"]; role != "" && role != "master" {
		return one("role", Fail, "The server is a replica.",
			"Every publish, and with it every lease, is refused here.",
			"Give the address of the primary, or of Sentinel: redis://sentinel:26379?master_name=NAME")
	}
	return nil
}

// checkMemory looks at how much there is and how much is left.
func checkMemory(s *Server) []Finding {
	limit, known := s.number("maxmemory", "maxmemory")
	used, _ := strconv.ParseInt(s.Info["used_memory"], 10, 64)
	switch share := float64(used) / float64(max(limit, 1)); {
	case !known:
		return hidden("memory", "maxmemory")
	case limit == 0:
		return one("memory", Warn, fmt.Sprintf("Memory has no limit; %s are in use.", bytesText(used)),
			"When the machine runs out, its kernel kills Redis, and what was not on disk yet is gone.",
			"redis-cli CONFIG SET maxmemory 2gb, or what the machine can spare")
	case share >= 0.9:
		return one("memory", Fail, fmt.Sprintf("%s of %s are in use.", bytesText(used), bytesText(limit)),
			"At the limit publishes with history fail, or keys are evicted, by the policy.",
			"Raise maxmemory, or keep less history: size and ttl under topics")
	case share >= 0.75:
		return one("memory", Warn, fmt.Sprintf("%s of %s are in use.", bytesText(used), bytesText(limit)),
			"At the limit publishes with history fail, or keys are evicted, by the policy.",
			"Raise maxmemory, or keep less history: size and ttl under topics")
	}
	return one("memory", OK, fmt.Sprintf("%s of %s are in use.", bytesText(used), bytesText(limit)), "There is room for more history.", "")
}

func checkEviction(s *Server) []Finding {
	const keep = "redis-cli CONFIG SET maxmemory-policy noeviction"
	policy, known := s.setting("maxmemory-policy", "maxmemory_policy")
	evicted, _ := strconv.ParseInt(s.Info["evicted_keys"], 10, 64)
	what := "maxmemory-policy is " + policy + "."
	if evicted > 0 {
		what = fmt.Sprintf("maxmemory-policy is %s, and %d keys were evicted since the server started.", policy, evicted)
	}
	switch {
	case !known:
		return hidden("eviction", "maxmemory-policy")
	case policy == "noeviction":
		return one("eviction", OK, what, "At the limit a publish with history fails with an error, and nothing that was kept is lost.", "")
	case strings.HasPrefix(policy, "allkeys-"):
		return one("eviction", Fail, what,
			"At the limit Redis drops heads, which begins a new epoch and tells clients that they were truncated; ids, so that a repeated publish is kept twice; and leases, so that living nodes count as dead.", keep)
	default:
		return one("eviction", Warn, what,
			"At the limit Redis drops keys that expire: ids, so that a repeated publish is kept twice, and the history of topics with a ttl.", keep)
	}
}

// Limits of a node's relay connection below and above which it does harm.
const (
	leastBuffer  = 8 << 20
	leastTimeout = 60 // seconds
)

func checkBuffers(s *Server) []Finding {
	const usual = `redis-cli CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"`
	text, known := s.setting("client-output-buffer-limit", "")
	hard, soft, ok := buffers(text, "pubsub")
	switch {
	case !known || !ok:
		return hidden("output buffers", "client-output-buffer-limit for pubsub")
	case hard == 0 && soft == 0:
		return one("output buffers", Warn, "Subscribers may queue without bound (client-output-buffer-limit pubsub 0 0 0).",
			"A node that hangs takes Redis's memory until publishes of all nodes fail.", usual)
	case hard != 0 && hard < leastBuffer || soft != 0 && soft < leastBuffer/4:
		return one("output buffers", Warn, fmt.Sprintf("Subscribers may queue only %s, or %s for a while (client-output-buffer-limit pubsub).", limitText(hard), limitText(soft)),
			"A burst gets a node cut off: topics with history are filled from Redis, those without lose messages and say stale.", usual)
	}
	return one("output buffers", OK, fmt.Sprintf("Subscribers may queue %s, or %s for a while.", limitText(hard), limitText(soft)),
		"A node that falls behind is cut off, comes back, and fills or announces what it missed.", "")
}

func checkTimeouts(s *Server) []Finding {
	var found []Finding
	if n, known := s.number("timeout", ""); !known {
		found = append(found, hidden("idle timeout", "timeout")...)
	} else if n > 0 && n < leastTimeout {
		found = append(found, one("idle timeout", Warn, fmt.Sprintf("Redis closes connections that are idle for %d s (timeout).", n),
			"A quiet node connects anew again and again, and publishes after a pause are slower.", "redis-cli CONFIG SET timeout 0")...)
	} else {
		found = append(found, one("idle timeout", OK, fmt.Sprintf("timeout is %d s.", n), "Connections of quiet nodes stay.", "")...)
	}
	if n, known := s.number("tcp-keepalive", ""); !known {
		found = append(found, hidden("keepalive", "tcp-keepalive")...)
	} else if n == 0 {
		found = append(found, one("keepalive", Warn, "Redis does not look after silent connections (tcp-keepalive 0).",
			"Those of nodes that vanished stay and take memory for what is published to them.", "redis-cli CONFIG SET tcp-keepalive 300")...)
	} else {
		found = append(found, one("keepalive", OK, fmt.Sprintf("tcp-keepalive is %d s.", n), "Connections of nodes that vanished are closed.", "")...)
	}
	return found
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

func limitText(n int64) string {
	if n == 0 {
		return "without a limit"
	}
	return bytesText(n)
}

func timeText(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
