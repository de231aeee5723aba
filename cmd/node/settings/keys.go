package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/bridge/httpapi"
)

var errNoKeys = errors.New("lists no key; leave it out, and node key makes one")

// apiKeys reads the keys of the HTTP API.
func (r *reader) apiKeys(key string, v *value) {
	r.entries(key, v, errNoKeys, func(_ int, key string, v *value) {
		var k httpapi.Key
		before := len(r.faults)
		r.object(key, v, map[string]func(string, *value){
			"name": r.text(filled(&k.Name, "logs name the key by it")),
			"hash": r.text(filled(&k.Hash, "node key prints one")),
			"may":  r.list(func(list []string) { k.May = list }),
		})
		if len(r.faults) == before {
			r.missing(key, v, "name", "hash", "may")
		}
		r.into.APIKeys = append(r.into.APIKeys, k)
	})
}

// checkKeys looks at each key. What it says shows nothing of a hash.
func (l *Loaded) checkKeys(add func(string, error)) {
	for i, k := range l.APIKeys {
		key := fmt.Sprintf("auth.apiKeys[%d]", i)
		if l.spoilt[key] {
			continue
		}
		for _, err := range k.Faults() {
			addNamed(key, err, add)
		}
		same := func(field string, equal func(o httpapi.Key) bool) {
			if slices.ContainsFunc(l.APIKeys[:i], equal) {
				add(key+"."+field, errors.New("is there twice; each key has its own"))
			}
		}
		same("name", func(o httpapi.Key) bool { return o.Name == k.Name })
		same("hash", func(o httpapi.Key) bool { return strings.EqualFold(o.Hash, k.Hash) })
	}
}

// apiKeys writes hashes as they are: of a key that node key made they tell nothing.
func (p *printer) apiKeys(keys []httpapi.Key) {
	if len(keys) == 0 {
		return
	}
	p.open(2, "apiKeys:")
	for i, k := range keys {
		key := fmt.Sprintf("auth.apiKeys[%d].", i)
		p.line(4, "- name: "+quote(k.Name), key+"name")
		p.line(6, "hash: "+quote(k.Hash), key+"hash")
		p.line(6, "may: "+list(k.May), key+"may")
	}
}
