package settings

import (
	"errors"
	"net/url"
	"strings"
)

// ShownRedis is the URL with a mask for each part that may be a secret: the
// password, and every parameter but those known to be harmless. A text that is no
// URL is masked as a whole.
func ShownRedis(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.Fragment != "" || strings.Contains(u.Host+u.Path+u.RawQuery, "@") {
		return mask // a password with / or # in it looks like a host, a path or a parameter
	}
	shown := u.Scheme + "://"
	if u.User != nil {
		shown += url.User(u.User.Username()).String()
		if _, has := u.User.Password(); has {
			shown += ":" + mask
		}
		shown += "@"
	}
	shown += u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		shown += "?" + shownQuery(u.RawQuery)
	}
	return shown
}

// harmless are parameters of the URL that name no secret.
var harmless = map[string]bool{
	"addr": true, "master_name": true, "db": true, "protocol": true, "client_name": true, "pool_size": true,
	"dial_timeout": true, "read_timeout": true, "write_timeout": true, "min_idle_conns": true, "skip_verify": true,
	"max_retries": true, "min_retry_backoff": true, "max_retry_backoff": true, "pool_timeout": true,
	"route_by_latency": true, "route_randomly": true, "replica_only": true, "sentinel_username": true,
}

func shownQuery(raw string) string {
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, _, has := strings.Cut(part, "=")
		if has && !harmless[name] {
			parts[i] = name + "=" + mask
		} else if !has {
			parts[i] = mask
		}
	}
	return strings.Join(parts, "&")
}

var errMasked = errors.New("has " + mask + " in place of a secret, as node config shows it; give the whole URL in TROUPE_REDIS, which wins over the file")

// checkRedis looks at the URL that is in force: one with a mask is fine in a
// file that node config wrote, as long as the secret comes from elsewhere.
func (l *Loaded) checkRedis(broken bool, in Input, add func(string, error)) {
	switch {
	case l.Redis == "":
		if l.Replicas > 0 && !broken {
			add("replicas", errors.New("needs redis: in memory there are no replicas"))
		}
	case strings.Contains(l.Redis, mask):
		add("redis", errMasked)
	case in.CheckRedis != nil:
		add("redis", in.CheckRedis(l.Redis))
	}
	if in.CheckPrefix != nil {
		add("prefix", in.CheckPrefix(l.Prefix))
	}
}

func (l *Loaded) checkStore(store string) error {
	switch {
	case store == StoreRedis && l.Redis == "":
		return errors.New("is redis, but there is none: give its URL with redis, or leave store out")
	case store == StoreMemory && l.Redis != "":
		return errors.New("is memory, but this version keeps every history in Redis where there is one; leave store out")
	}
	return nil
}
