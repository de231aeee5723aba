package redislease

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// errReply is an answer that no script of ours gives.
var errReply = errors.New("unexpected reply")

// encodeKey names a life in Redis. An incarnation has no spaces, so an ID may have any.
func encodeKey(m lease.Member) string { return m.Incarnation + " " + m.ID }

func decodeKey(key string) (lease.Member, bool) {
	incarnation, id, ok := strings.Cut(key, " ")
	return lease.Member{ID: id, Incarnation: incarnation}, ok && lease.Named(id, incarnation)
}

func encodeInfo(m lease.Member) (string, error) {
	if err := m.Validate(); err != nil {
		return "", err
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// decodeMember reads a member from its key and what it says of itself. Where that makes no sense,
// fine is false, and the member has its name only.
func decodeMember(key, info string) (m lease.Member, named, fine bool) {
	m, named = decodeKey(key)
	if !named || info == "" {
		return m, named, named
	}
	told := m
	if json.Unmarshal([]byte(info), &told) != nil || told.Validate() != nil {
		return m, true, false
	}
	return told, true, true
}

// parseView reads what the script answers; entries that are malformed are counted.
func parseView(reply any) (lease.View, error) {
	parts, ok := reply.([]any)
	if !ok || len(parts) != 6 {
		return lease.View{}, errReply
	}
	standing, ok1 := parts[0].(int64)
	now, ok2 := parts[1].(int64)
	life, ok3 := parts[2].(string)
	invalid, ok4 := parts[3].(int64)
	leases, ok5 := texts(parts[4], 3)
	dead, ok6 := texts(parts[5], 4)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || standing < 0 || standing > int64(lease.Claimed) {
		return lease.View{}, errReply
	}
	v := lease.View{Standing: lease.Standing(standing), Now: time.UnixMilli(now), Life: []string{life}, Invalid: int(invalid)}
	for ; len(leases) > 0; leases = leases[3:] {
		if m, until, ok := entry(&v, leases[0], leases[1], leases[2]); ok {
			v.Members = append(v.Members, lease.Lease{Member: m, Until: until})
		}
	}
	for ; len(dead) > 0; dead = dead[4:] {
		if m, until, ok := entry(&v, dead[0], dead[1], dead[3]); ok {
			v.Dead = append(v.Dead, lease.Death{Member: m, Until: until, Done: dead[2] == "1"})
		}
	}
	return v, nil
}

// entry reads a member and a time.
func entry(v *lease.View, key, until, info string) (lease.Member, time.Time, bool) {
	m, named, fine := decodeMember(key, info)
	ms, err := strconv.ParseInt(until, 10, 64)
	if !named || !fine || err != nil {
		v.Invalid++
	}
	return m, time.UnixMilli(ms), named && err == nil
}

// texts are those of a flat list of rows.
func texts(reply any, row int) ([]string, bool) {
	items, ok := reply.([]any)
	if !ok || len(items)%row != 0 {
		return nil, false
	}
	all := make([]string, len(items))
	for i, item := range items {
		if all[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return all, true
}
