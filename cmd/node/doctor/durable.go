package doctor

import (
	"fmt"
	"strconv"
)

// checkPersistence says what a crash of the server loses.
func checkPersistence(s *Server) []Finding {
	const (
		epoch = "Nodes notice, begin a new epoch, and tell every client what it missed."
		turn  = "redis-cli CONFIG SET appendonly yes, and CONFIG SET appendfsync everysec"
	)
	aof, known := s.setting("appendonly", "")
	if !known {
		if aof, known = s.Info["aof_enabled"]; known {
			aof = map[string]string{"1": "yes"}[aof]
		}
	}
	save, saves := s.setting("save", "")
	fsync, _ := s.setting("appendfsync", "")
	switch {
	case !known:
		return hidden("persistence", "appendonly and save")
	case aof == "yes" && fsync == "always":
		return one("persistence", OK, "Every write is on disk before it is answered (appendfsync always).", "A crash loses nothing that was acknowledged.", "")
	case aof == "yes" && fsync == "no":
		return one("persistence", Warn, "The log is written when the system likes to (appendfsync no).",
			"A crash of the machine loses what was acknowledged in the last half minute or so. "+epoch, "redis-cli CONFIG SET appendfsync everysec")
	case aof == "yes":
		return one("persistence", OK, "The log is on disk within a second (appendonly yes).",
			"A crash of the machine loses at most about the last second of what was acknowledged. "+epoch, "")
	case saves && save == "":
		return one("persistence", Warn, `Nothing is written to disk (appendonly no, save "").`,
			"Every restart of Redis loses all history. "+epoch, turn)
	case saves:
		return one("persistence", Warn, "Only snapshots are written (save "+save+", appendonly no).",
			"A crash loses everything since the last snapshot, which may be minutes, and numbers would be given twice. "+epoch, turn)
	}
	return one("persistence", Warn, "There is no append-only file; whether there are snapshots is not shown.",
		"A crash loses at least what came after the last snapshot. "+epoch, turn)
}

// checkDisk tells of writing that fails, which makes Redis refuse every write.
func checkDisk(s *Server) []Finding {
	for field, what := range map[string]string{
		"rdb_last_bgsave_status": "The last snapshot failed.",
		"aof_last_write_status":  "The last write to the append-only file failed.",
	} {
		if status, known := s.Info[field]; known && status != "ok" {
			return one("disk", Fail, what, "Redis refuses writes until it can write again, so publishes with history fail.",
				"Look for a full disk or missing rights in the folder of: redis-cli CONFIG GET dir")
		}
	}
	return nil
}

func checkReplicas(s *Server, wanted int) []Finding {
	text, known := s.Info["connected_slaves"]
	n, err := strconv.Atoi(text)
	least, _ := s.number("min-replicas-to-write", "")
	switch {
	case !known || err != nil:
		return hidden("replicas", "how many replicas there are")
	case n < wanted:
		return one("replicas", Fail, fmt.Sprintf("%d replicas are connected, and replicas asks for %d.", n, wanted),
			"Every publish with history fails, although the event is kept: too few have it.", "Start a replica, or set replicas lower")
	case int64(n) < least:
		return one("replicas", Fail, fmt.Sprintf("%d replicas are connected, and min-replicas-to-write is %d.", n, least),
			"Redis refuses every write.", "Start a replica, or redis-cli CONFIG SET min-replicas-to-write 0")
	case n == 0:
		return one("replicas", Warn, "There is no replica.",
			"When this server is down, history is out of reach until it is back; if its disk is lost, so is the history.",
			"Start one: redis-server --replicaof HOST PORT, and let Sentinel or Redis Cluster fail over")
	case wanted == 0:
		return one("replicas", Warn, fmt.Sprintf("%d replicas are connected, and publishes do not wait for them.", n),
			"A failover can lose what was acknowledged just before; nodes notice, begin a new epoch and tell every client.",
			"node --replicas 1 waits for one, which costs a round trip more")
	}
	return one("replicas", OK, fmt.Sprintf("%d replicas are connected, and publishes wait for %d.", n, wanted),
		"A failover loses what was acknowledged only if more fail together.", "")
}
