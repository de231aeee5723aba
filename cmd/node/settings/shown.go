package settings

import (
	"net/url"
	"strings"
)

// ShownRedis is the URL with a mask for each part that may be a secret: the
// password, and every parameter but those known to be harmless. A text that is no
// URL is masked as a whole.
func ShownRedis(text string) string { return shown(text, harmlessRedis) }

// ShownPostgres does the same with the parameters of Postgres.
func ShownPostgres(text string) string { return shown(text, harmlessPostgres) }

// Parameters that name no secret.
var (
	harmlessRedis = names("addr master_name db protocol client_name pool_size dial_timeout read_timeout write_timeout " +
		"min_idle_conns skip_verify max_retries min_retry_backoff max_retry_backoff pool_timeout " +
		"route_by_latency route_randomly replica_only sentinel_username")
	harmlessPostgres = names("host port user dbname database sslmode sslrootcert sslcert sslkey sslsni sslnegotiation " +
		"min_protocol_version max_protocol_version target_session_attrs channel_binding require_auth krbsrvname krbspn service servicefile " +
		"statement_cache_capacity description_cache_capacity timezone connect_timeout application_name search_path")
)

func names(text string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(text) {
		set[name] = true
	}
	return set
}

func shown(text string, harmless map[string]bool) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.Fragment != "" || strings.Contains(u.Host+u.Path+u.RawQuery, "@") {
		return mask // a password with / or # in it looks like a host, a path or a parameter
	}
	whole := u.Scheme + "://"
	if u.User != nil {
		whole += url.User(u.User.Username()).String()
		if _, has := u.User.Password(); has {
			whole += ":" + mask
		}
		whole += "@"
	}
	whole += u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		whole += "?" + shownQuery(u.RawQuery, harmless)
	}
	return whole
}

func shownQuery(raw string, harmless map[string]bool) string {
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
