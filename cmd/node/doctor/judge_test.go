package doctor

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// well is a server that nothing is wrong with.
func well() Facts {
	return Facts{
		Replicas: 1,
		Servers: []Server{{
			Addr: "10.0.0.1:6379",
			Info: map[string]string{"redis_version": "7.2.4", "role": "master", "used_memory": "1048576", "evicted_keys": "0",
				"connected_slaves": "1", "rdb_last_bgsave_status": "ok", "aof_last_write_status": "ok", "aof_enabled": "1", "maxmemory": "1073741824", "maxmemory_policy": "noeviction"},
			Config: map[string]string{"maxmemory": "1073741824", "maxmemory-policy": "noeviction",
				"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
				"save":                       "", "appendonly": "yes", "appendfsync": "everysec", "min-replicas-to-write": "0", "timeout": "0", "tcp-keepalive": "300"},
		}},
		Cluster:   &ClusterState{State: "ok", Slots: allSlots},
		RoundTrip: RoundTrip{Median: time.Millisecond, Ahead: -time.Millisecond},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) func(*Facts) {
		return func(f *Facts) {
			for i := 0; i < len(pairs); i += 2 {
				if name, ok := strings.CutPrefix(pairs[i], "info:"); ok {
					f.Servers[0].Info[name] = pairs[i+1]
				} else {
					f.Servers[0].Config[pairs[i]] = pairs[i+1]
				}
			}
		}
	}
	all := func(changes ...func(*Facts)) func(*Facts) {
		return func(f *Facts) {
			for _, c := range changes {
				c(f)
			}
		}
	}
	noConfig := func(f *Facts) { f.Servers[0].Config = nil }
	for name, c := range map[string]struct {
		change func(*Facts)
		check  string
		want   Verdict
		says   string
	}{
		"old":                 {set("info:redis_version", "6.2.7"), "version", Fail, "Redis 6.2.7"},
		"very new":            {set("info:redis_version", "10.0.0"), "version", OK, ""},
		"odd version":         {set("info:redis_version", "unstable"), "version", Fail, ""},
		"a replica":           {set("info:role", "slave"), "role", Fail, "master_name"},
		"no limit":            {set("maxmemory", "0"), "memory", Warn, "kills Redis"},
		"filling":             {set("info:used_memory", "900000000"), "memory", Warn, "858.3 MiB of 1.0 GiB"},
		"full":                {set("info:used_memory", "1000000000"), "memory", Fail, "keep less history"},
		"noeviction":          {set(), "eviction", OK, "fails with an error"},
		"allkeys":             {set("maxmemory-policy", "allkeys-lru"), "eviction", Fail, "new epoch"},
		"volatile":            {set("maxmemory-policy", "volatile-ttl"), "eviction", Warn, "kept twice"},
		"has evicted":         {set("maxmemory-policy", "allkeys-lfu", "info:evicted_keys", "12"), "eviction", Fail, "12 keys were evicted"},
		"policy by info":      {all(noConfig, set("info:maxmemory_policy", "allkeys-random")), "eviction", Fail, "allkeys-random"},
		"memory by info":      {all(noConfig, set("info:maxmemory", "0")), "memory", Warn, "no limit"},
		"buffers without end": {set("client-output-buffer-limit", "pubsub 0 0 0"), "output buffers", Warn, "without bound"},
		"small buffers":       {set("client-output-buffer-limit", "pubsub 65536 0 0"), "output buffers", Warn, "64.0 KiB"},
		"small soft buffers":  {set("client-output-buffer-limit", "pubsub 33554432 65536 1"), "output buffers", Warn, "64.0 KiB for a while"},
		"buffers unread":      {set("client-output-buffer-limit", "pubsub"), "output buffers", Unknown, "Could not check"},
		"buffers unseen":      {noConfig, "output buffers", Unknown, "Could not check"},
		"nothing on disk":     {set("appendonly", "no"), "persistence", Warn, "loses all history"},
		"snapshots":           {set("appendonly", "no", "save", "3600 1 300 100"), "persistence", Warn, "3600 1 300 100"},
		"fsync never":         {set("appendfsync", "no"), "persistence", Warn, "half minute"},
		"fsync always":        {set("appendfsync", "always"), "persistence", OK, "loses nothing"},
		"fsync every second":  {set(), "persistence", OK, "last second"},
		"aof by info":         {noConfig, "persistence", OK, "last second"},
		"no aof by info":      {all(noConfig, set("info:aof_enabled", "0")), "persistence", Warn, "not shown"},
		"snapshot failed":     {set("info:rdb_last_bgsave_status", "err"), "disk", Fail, "refuses writes"},
		"log failed":          {set("info:aof_last_write_status", "err"), "disk", Fail, "append-only"},
		"too few replicas":    {set("info:connected_slaves", "0"), "replicas", Fail, "asks for 1"},
		"min replicas":        {set("min-replicas-to-write", "2"), "replicas", Fail, "refuses every write"},
		"no replica":          {all(set("info:connected_slaves", "0"), func(f *Facts) { f.Replicas = 0 }), "replicas", Warn, "no replica"},
		"nobody waits":        {func(f *Facts) { f.Replicas = 0 }, "replicas", Warn, "--replicas 1"},
		"waits":               {set(), "replicas", OK, "wait for 1"},
		"short timeout":       {set("timeout", "5"), "idle timeout", Warn, "idle for 5 s"},
		"long timeout":        {set("timeout", "600"), "idle timeout", OK, ""},
		"no keepalive":        {set("tcp-keepalive", "0"), "keepalive", Warn, "tcp-keepalive 0"},
		"slots missing":       {func(f *Facts) { f.Cluster.Slots = 10923 }, "cluster", Fail, "10923 of 16384"},
		"cluster down":        {func(f *Facts) { f.Cluster.State = "fail" }, "cluster", Fail, "state fail"},
		"cluster unseen":      {func(f *Facts) { f.Cluster.Err = errors.New("NOPERM x") }, "cluster", Unknown, "NOPERM x"},
		"rights":              {func(f *Facts) { f.Missing = []Refusal{{"XADD", errors.New("NOPERM no")}, {"HSET", nil}} }, "rights", Fail, "XADD, HSET (NOPERM no)"},
		"deaf":                {func(f *Facts) { f.PubSub = errNothingCame }, "relay", Fail, "nothing came"},
		"far":                 {func(f *Facts) { f.Median = 20 * time.Millisecond }, "latency", Warn, "20ms"},
		"very far":            {func(f *Facts) { f.Median = time.Second }, "latency", Fail, "deadline"},
		"no latency":          {func(f *Facts) { f.Median = 0 }, "latency", Unknown, "Could not measure"},
		"clock ahead":         {func(f *Facts) { f.Ahead = time.Minute }, "clock", Warn, "ahead of this machine's by 1m0s"},
		"clock behind":        {func(f *Facts) { f.Ahead = -time.Minute }, "clock", Warn, "behind this machine's by 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := well()
			c.change(&f)
			for _, found := range Judge(f) {
				if found.Check != c.check {
					continue
				}
				if said := found.What + " " + found.Effect + " " + found.Fix; found.Verdict != c.want || !strings.Contains(said, c.says) {
					t.Errorf("%s: %s, want %s with %q", found.Verdict, said, c.want, c.says)
				}
				return
			}
			t.Errorf("nothing of %s in %+v", c.check, Judge(f))
		})
	}
}

func TestNothingWrong(t *testing.T) {
	t.Parallel()
	found := Judge(well())
	for _, f := range found {
		if f.Verdict != OK {
			t.Errorf("%+v", f)
		}
	}
	if v := worst(found); v != OK || len(found) < 12 {
		t.Errorf("%s of %d findings", v, len(found))
	}
}

// TestFindingsAreWhole looks at a server that shows nothing, a perfect one, and
// one that is bad in every way.
func TestFindingsAreWhole(t *testing.T) {
	t.Parallel()
	bad := well()
	bad.Servers[0].Config = map[string]string{"maxmemory-policy": "allkeys-lru", "appendonly": "no", "save": "", "timeout": "1", "tcp-keepalive": "0", "client-output-buffer-limit": "pubsub 0 0 0"}
	maps.Copy(bad.Servers[0].Info, map[string]string{"redis_version": "5.0.0", "role": "slave", "aof_last_write_status": "err", "connected_slaves": "0", "maxmemory": "0"})
	bad.PubSub, bad.Median, bad.Ahead = errNothingCame, time.Second, time.Hour
	bad.Missing = []Refusal{{"XADD", errors.New("NOPERM")}}
	for name, f := range map[string]Facts{"well": well(), "bad": bad, "mute": {Servers: []Server{{}, {}}, Cluster: &ClusterState{Err: errors.New("no")}}} {
		for _, found := range Judge(f) {
			if found.Check == "" || found.What == "" || found.Effect == "" || (found.Fix == "") != (found.Verdict == OK) {
				t.Errorf("%s: %+v", name, found)
			}
			for _, sentence := range []string{found.What, found.Effect} {
				if !strings.HasSuffix(sentence, ".") {
					t.Errorf("%s: %q is no sentence", name, sentence)
				}
			}
		}
	}
	if v := worst(Judge(bad)); v != Fail {
		t.Errorf("the bad one is %s", v)
	}
}

func TestServersAreNamed(t *testing.T) {
	t.Parallel()
	f := well()
	f.Servers = append(f.Servers, Server{Addr: "10.0.0.2:6379"})
	named := map[string]int{}
	for _, found := range Judge(f) {
		named[found.Server]++
	}
	if named["10.0.0.1:6379"] == 0 || named["10.0.0.2:6379"] == 0 || named[""] != 5 {
		t.Errorf("findings by server: %v", named)
	}
}
