package settings

import (
	"errors"
	"fmt"
	"strings"
)

// errMasked refuses a URL as node config shows it.
func errMasked(key string) error {
	return fmt.Errorf("has %s in place of a secret, as node config shows it; give the whole URL in %s, which wins over the file",
		mask, EnvName(FlagName(key)))
}

// checkBackends looks at the URLs that are in force: one with a mask is fine in a
// file that node config wrote, as long as the secret comes from elsewhere.
func (l *Loaded) checkBackends(broken bool, in Input, add func(string, error)) {
	checkURL(l.Redis, "redis", in.CheckRedis, add)
	checkURL(l.Postgres, "postgres", in.CheckPostgres, add)
	if l.Redis == "" && l.Replicas > 0 && !broken {
		add("replicas", errors.New("needs redis: without it there are no replicas to wait for"))
	}
	if in.CheckPrefix != nil {
		add("prefix", in.CheckPrefix(l.Prefix))
	}
	if in.CheckSchema != nil && (l.Postgres != "" || l.Schema != "") {
		add("schema", in.CheckSchema(l.Schema, l.Prefix))
	}
}

func checkURL(url, key string, check func(string) error, add func(string, error)) {
	switch {
	case url == "":
	case strings.Contains(url, mask):
		add(key, errMasked(key))
	case check != nil:
		add(key, check(url))
	}
}

// checkStore looks whether there is what a topic's history is to be kept in.
func (l *Loaded) checkStore(store string) error {
	switch {
	case store == StoreRedis && l.Redis == "":
		return errors.New("is redis, but there is none: give its URL with redis, or leave store out")
	case store == StorePostgres && l.Postgres == "":
		return errors.New("is postgres, but there is none: give its URL with postgres, or leave store out")
	case store == StoreMemory && (l.Redis != "" || l.Postgres != ""):
		return errors.New("is memory, but each node has a memory of its own, so the nodes of a cluster would number one topic differently; leave store out")
	}
	return nil
}
