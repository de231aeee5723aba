package httpapi

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// Node is what the API needs of the node it serves. The node of package cluster has it.
type Node interface {
	Rooms
	Topics() *topic.Topics
	Limits() *ratelimit.Limits
}

// Rooms are what a node has beside its topics.
type Rooms interface {
	Presence() *presence.Presence
	Cursors() *cursor.Boards
	Groups() *group.Groups
}

// What a key may do.
const (
	MayPublish  = "publish"  // publish on any topic that is not the system's
	MayHistory  = "history"  // read and clear the history of topics
	MayPresence = "presence" // read who is on topics
	MayCursors  = "cursors"  // read the cursors of topics
	MayGroups   = "groups"   // read, change, close and publish to groups
	MayLimits   = "limits"   // read, consume, reset and ban keys of limits
)

// Permissions are all that a key may be given.
func Permissions() []string {
	return []string{MayPublish, MayHistory, MayPresence, MayCursors, MayGroups, MayLimits}
}

// A Key lets its bearer use a part of the API. It knows only the hash, so that who reads
// the configuration can not use it.
type Key struct {
	// Name is what the key is called, in logs too: 1 to 64 characters. The ids of publishes are
	// those of the name: the same id of another key is another event.
	Name string

	// Hash is "sha256:" and 64 hex digits; see NewKey and HashKey.
	Hash string

	// May lists the permissions, at least one.
	May []string
}

// Faults returns everything that is wrong with the key, as sentences that begin with the
// field. They show nothing of the hash.
func (k Key) Faults() []error {
	var faults []error
	if k.Name == "" || utf8.RuneCountInString(k.Name) > maxKeyName || topic.CheckEvent(k.Name) != nil {
		faults = append(faults, fmt.Errorf("name: must be 1 to %d printable characters", maxKeyName))
	}
	if _, err := parseHash(k.Hash); err != nil {
		faults = append(faults, fmt.Errorf("hash: %w", err))
	}
	if len(k.May) == 0 {
		faults = append(faults, errors.New("may: lists nothing that the key may do"))
	}
	for _, may := range k.May {
		if !slices.Contains(Permissions(), may) {
			faults = append(faults, fmt.Errorf("may: %.40q is none of %s", may, strings.Join(Permissions(), ", ")))
		}
	}
	return faults
}

const (
	maxKeyName = 64
	hashPrefix = "sha256:"
)

var errHash = errors.New(`must be "sha256:" and 64 hex digits, as node key prints it`)

func parseHash(text string) (hash digest, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if !ok || hex.DecodedLen(len(digits)) != len(hash) || len(digits)%2 != 0 {
		return hash, errHash
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil {
		return digest{}, errHash // the cause would quote the hash
	}
	return hash, nil
}

// Options of a Handler. The zero Options answer programs on the node's own machine, who may
// do everything.
type Options struct {
	// Keys are those that callers present as `Authorization: Bearer`.
	//
	// Defaults to none.
	Keys []Key

	// Authorize decides about a caller who presents none of Keys: nil lets him have the
	// permission that the call needs, one of Permissions. An error that wraps
	// ErrUnauthenticated is answered with 401, ErrForbidden with 403, any other and a panic
	// with 500 and a line in the log; the error's text is never shown. The request's context
	// ends after Timeout. It may be called by many goroutines at once.
	//
	// Defaults to refusing. Without Keys and without Authorize, callers on the node's own
	// machine may do everything.
	Authorize func(r *http.Request, permission string) error

	// AnyScript allows names of topics in every script, not just in ASCII, as the gateway's
	// option does.
	AnyScript bool

	// Timeout bounds a call, from its header to its answer.
	//
	// Defaults to 10 seconds.
	Timeout time.Duration

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// DefaultTimeout is how long a call may take.
const DefaultTimeout = 10 * time.Second

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// faults joins everything that is wrong, each naming the field and the rule.
func (o Options) faults() error {
	var faults []error
	if o.Timeout <= 0 {
		faults = append(faults, fmt.Errorf("httpapi: Timeout: must be positive, not %s", o.Timeout))
	}
	names, hashes := map[string]bool{}, map[digest]bool{}
	for i, k := range o.Keys {
		for _, err := range k.Faults() {
			faults = append(faults, fmt.Errorf("httpapi: Keys[%d].%w", i, err))
		}
		hash, err := parseHash(k.Hash)
		if names[k.Name] || err == nil && hashes[hash] {
			faults = append(faults, fmt.Errorf("httpapi: Keys[%d]: its name or its hash is there twice", i))
		}
		names[k.Name], hashes[hash] = true, err == nil
	}
	return errors.Join(faults...)
}
