package settings

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// auth reads the group of that name.
func (r *reader) auth(key string, v *value) {
	r.object(key, v, map[string]func(string, *value){"jwt": r.jwt, "apiKeys": r.apiKeys})
}

func (r *reader) jwt(key string, v *value) {
	j := &JWT{}
	r.into.JWT = j
	plain := func(at *string) func(string, *value) {
		return r.text(func(text string) error { *at = text; return nil })
	}
	r.object(key, v, map[string]func(string, *value){
		"keys":       r.text(func(text string) error { return setKeys(j, text) }),
		"algorithms": r.list(func(list []string) { j.Algorithms = list }),
		"audience":   plain(&j.Audience),
		"issuer":     plain(&j.Issuer),
		"cookie":     plain(&j.Cookie),
		"identity":   plain(&j.Identity),
		"roles":      plain(&j.Roles),
		"data":       r.list(func(list []string) { j.Data = list }),
	})
}

// setKeys refuses what Print shows in place of a secret: whoever feeds that
// back would otherwise sign with a key that everybody knows.
func setKeys(j *JWT, text string) error {
	if text == mask {
		return errors.New("is what node config shows instead of the secret; give the secret itself")
	}
	j.Keys = text
	return nil
}

var errNoTopics = errors.New("lists no policy; leave it out for the default one")

// topics reads the list of policies.
func (r *reader) topics(key string, v *value) {
	r.entries(key, v, errNoTopics, func(i int, key string, v *value) {
		t := Topic{Presence: presence.Policy{Off: true}, Cursors: cursor.Policy{Off: true}}
		r.topic(key, v, &t)
		r.into.Topics = append(r.into.Topics, t)
	})
}

func (r *reader) topic(key string, v *value, t *Topic) {
	p := &t.Policy
	before := len(r.faults)
	r.object(key, v, map[string]func(string, *value){
		"match":         r.text(filled(&p.Match, `"*" matches every topic`)),
		"history.size":  r.text(func(text string) error { return setHistory(p, text) }),
		"history.store": r.text(func(text string) error { return setStore(t, text) }),
		"history.ttl":   r.text(orNone(&p.TTL, false)),
		"history.dedup": r.text(orNone(&p.Dedup, true)),
		"slow":          r.text(func(text string) error { return p.Slow.UnmarshalText([]byte(text)) }),
		"idle":          r.text(orNone(&p.Idle, true)),
		"subscribe":     r.who(&t.Subscribe, Anyone, Authenticated, Nobody),
		"publish":       r.who(&t.Publish, Anyone, Authenticated, Members, Server),
		"presence":      r.presence(&t.Presence),
		"cursors":       r.cursors(&t.Cursors),
		"limit":         r.text(filled(&t.Limit, "name one of limits, or leave it out")),
	})
	if p.Match == "" && len(r.faults) == before {
		r.fault(dot(key, "match"), v.at, errors.New(`is missing; name the topics, such as "room:*"`))
	}
}

// filled reads text that must not be empty; hint says what to write.
func filled(at *string, hint string) func(string) error {
	return func(text string) error {
		if text == "" {
			return fmt.Errorf("must not be empty; %s", hint)
		}
		*at = text
		return nil
	}
}

// setHistory refuses 0, which a Policy takes for "the default".
func setHistory(p *topic.Policy, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return fmt.Errorf("must be a whole number from 1, or -1 to keep none, not %q", clip(text))
	}
	p.History = n
	return nil
}

func setStore(t *Topic, text string) error {
	switch text {
	case StoreRedis, StorePostgres, StoreMemory:
		t.Store = text
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s, not %q", StoreRedis, StorePostgres, StoreMemory, clip(text))
}

// orNone reads a time; with off, -1 as well, which turns the thing off.
func orNone(at *time.Duration, off bool) func(string) error {
	return func(text string) error {
		if off && text == "-1" {
			*at = -1
			return nil
		}
		d, err := parseDuration(text)
		if err == nil && d <= 0 {
			err = fmt.Errorf("must be more than nothing, not %s", d)
		}
		switch {
		case err == nil:
			*at = d
		case off:
			err = fmt.Errorf("%w (-1 turns it off)", err)
		}
		return err
	}
}

// who reads a list of words that say who may do something.
func (r *reader) who(at *[]string, words ...string) func(string, *value) {
	return func(key string, v *value) {
		list, ok := r.words(key, v)
		if !ok {
			return
		}
		*at = list
		if len(list) == 0 {
			r.fault(key, v.at, fmt.Errorf("lists nobody; say so with [%s]", words[len(words)-1]))
		}
		for i, word := range list {
			role, isRole := strings.CutPrefix(word, RolePrefix)
			if isRole && role != "" || slices.Contains(words, word) {
				continue
			}
			r.fault(fmt.Sprintf("%s[%d]", key, i), v.items[i].at,
				fmt.Errorf("must be one of %s, role:NAME, not %q", strings.Join(words, ", "), clip(word)))
		}
	}
}

// vocabulary is every name of a setting or of a group that the file can have.
var vocabulary = func() []string {
	words := strings.Fields("auth apiKeys hash may jwt algorithms audience issuer cookie identity roles data " +
		"topics match history size ttl dedup store slow idle subscribe publish presence key grace heartbeat " +
		"cursors throttle tick limit groups maxMembers memberData closedFor limits name kind points interval block lease " +
		"bridge notify channel leader feeds allowSystem maxBytes queue outbox enabled maxTries keepDead")
	for _, s := range scalars {
		words = append(words, strings.Split(s.key, ".")...)
	}
	return words
}()
