package settings

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// mask stands where a secret would.
const mask = "********"

// Print writes the configuration as a file that Load reads, each line with
// where its value came from. Secrets are masked.
func (l *Loaded) Print(w io.Writer) error {
	p := &printer{l: l}
	group := ""
	for i := range scalars {
		s := &scalars[i]
		head, name, nested := strings.Cut(s.key, ".")
		if !nested {
			p.line(0, s.key+": "+value2yaml(s, &l.Settings), s.key)
			continue
		}
		if head != group {
			p.open(0, head+":")
			group = head
		}
		p.line(2, name+": "+value2yaml(s, &l.Settings), s.key)
	}
	if l.JWT != nil || len(l.APIKeys) > 0 {
		p.open(0, "auth:")
	}
	p.jwt(l.JWT)
	p.apiKeys(l.APIKeys)
	p.topics(l.Topics)
	p.groups(l.Groups)
	p.limits(l.Limits)
	p.bridge(l.Bridge)
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct {
	strings.Builder
	l *Loaded
}

func (p *printer) open(indent int, text string) {
	fmt.Fprintf(p, "%*s%s\n", indent, "", text)
}

// line writes a setting and its origin in one column.
func (p *printer) line(indent int, text, key string) {
	from := p.l.origins[key]
	if from == "" {
		from = "default"
	}
	fmt.Fprintf(p, "%-52s # %s\n", fmt.Sprintf("%*s%s", indent, "", text), from)
}

func (p *printer) jwt(j *JWT) {
	if j == nil {
		return
	}
	p.open(2, "jwt:")
	one := func(name, v string) {
		if v != "" {
			p.line(4, name+": "+quote(v), "auth.jwt."+name)
		}
	}
	many := func(name string, v []string) {
		if v != nil {
			p.line(4, name+": "+list(v), "auth.jwt."+name)
		}
	}
	one("keys", shownKeys(j.Keys))
	many("algorithms", j.Algorithms)
	one("audience", j.Audience)
	one("issuer", j.Issuer)
	one("cookie", j.Cookie)
	one("identity", j.Identity)
	one("roles", j.Roles)
	many("data", j.Data)
}

// shownKeys shows the name of a file, and an address that carries no credentials, and nothing else.
func shownKeys(keys string) string {
	if strings.HasPrefix(keys, "file:") {
		return keys
	}
	u, err := url.Parse(keys)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return keys
	}
	return mask
}

func (p *printer) topics(topics []Topic) {
	p.open(0, "topics:")
	for i, t := range topics {
		key := fmt.Sprintf("topics[%d].", i)
		p.line(2, "- match: "+quote(t.Policy.Match), key+"match")
		p.open(4, "history:")
		p.line(6, fmt.Sprintf("size: %d", t.Policy.History), key+"history.size")
		if t.Policy.TTL > 0 {
			p.line(6, "ttl: "+t.Policy.TTL.String(), key+"history.ttl")
		}
		if t.Store != "" {
			p.line(6, "store: "+t.Store, key+"history.store")
		}
		p.line(6, "dedup: "+orOff(t.Policy.Dedup), key+"history.dedup")
		p.line(4, "subscribe: "+list(t.Subscribe), key+"subscribe")
		p.line(4, "publish: "+list(t.Publish), key+"publish")
		p.line(4, "slow: "+t.Policy.Slow.String(), key+"slow")
		p.line(4, "idle: "+orOff(t.Policy.Idle), key+"idle")
		p.beside(t, key)
	}
}

func orOff(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return d.String()
}

func value2yaml(s *scalar, from *Settings) string {
	switch s.key {
	case "origins":
		return list(from.Origins)
	case "redis":
		return quote(ShownRedis(from.Redis))
	case "postgres":
		return quote(ShownPostgres(from.Postgres))
	}
	return quote(s.get(from))
}

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// plain is text that YAML takes for itself, with nothing to escape.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./:-]*[A-Za-z0-9]$|^[A-Za-z0-9]$|^-[0-9]+$`)

// quote writes text so that YAML reads it back unchanged.
func quote(text string) string {
	if plain.MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
