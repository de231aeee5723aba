package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// check looks at what only the whole configuration shows. With broken, parts
// of it could not be read, and what follows from a missing part is not said.
func (l *Loaded) check(broken bool, in Input) []*Fault {
	var faults []*Fault
	add := func(key string, err error) {
		if err != nil {
			faults = append(faults, l.faultAt(key, err))
		}
	}
	add("listen", l.checkListen(broken))
	for _, o := range l.Origins {
		add("origins", checkOrigin(o))
	}
	if l.Gateway.PingAfter >= l.Gateway.IdleTimeout && !broken {
		add("gateway.pingAfter", fmt.Errorf("%s must be less than gateway.idleTimeout, %s: a client is asked before it counts as gone",
			l.Gateway.PingAfter, l.Gateway.IdleTimeout))
	}
	l.checkBackends(broken, in, add)
	if l.JWT != nil && in.CheckJWT != nil {
		for _, err := range in.CheckJWT(*l.JWT) {
			addNamed("auth.jwt", err, add)
		}
	}
	l.checkKeys(add)
	for i := range l.Topics {
		l.checkTopic(i, broken, add)
	}
	for i, p := range l.Groups {
		if key := fmt.Sprintf("groups[%d]", i); !l.spoilt[key] {
			for _, err := range p.Faults() {
				addNamed(key, err, add)
			}
		}
	}
	l.checkLimits(broken, add)
	l.checkBridge(broken, add)
	return faults
}

// addNamed files an error that begins with the name of the setting below key.
func addNamed(key string, err error, add func(string, error)) {
	field, rule, _ := strings.Cut(err.Error(), ": ")
	add(key+"."+field, errors.New(rule))
}

func (l *Loaded) checkTopic(i int, broken bool, add func(string, error)) {
	key := fmt.Sprintf("topics[%d]", i)
	for _, err := range l.Topics[i].Policy.Faults() {
		addNamed(key, err, add)
	}
	if !l.spoilt[key] {
		l.checkRooms(key, l.Topics[i], add)
	}
	if broken {
		return
	}
	add(key+".history.store", l.checkStore(l.Topics[i].Store))
	if l.JWT != nil {
		return
	}
	for field, who := range map[string][]string{"subscribe": l.Topics[i].Subscribe, "publish": l.Topics[i].Publish} {
		for _, w := range who {
			if w == Authenticated || strings.HasPrefix(w, RolePrefix) {
				add(key+"."+field, fmt.Errorf("%s needs auth.jwt: without it nobody is known and nobody may", w))
			}
		}
	}
}

// checkRooms looks at what a topic has beside its events. The pattern is Policy's.
func (l *Loaded) checkRooms(key string, t Topic, add func(string, error)) {
	t.Presence.Match, t.Cursors.Match = "*", "*"
	for _, err := range t.Presence.Faults() {
		addNamed(key+".presence", err, add)
	}
	for _, err := range t.Cursors.Faults() {
		text, _ := strings.CutPrefix(err.Error(), "cursors.")
		addNamed(key+".cursors", errors.New(text), add)
	}
}

// faultAt says where the setting was given, as far as that is known.
func (l *Loaded) faultAt(key string, err error) *Fault {
	f := &Fault{Where: l.origins[key], Key: key, Err: err}
	for at := key; f.Where == "" || strings.HasPrefix(f.Where, l.src.name+":"); at = parent(at) {
		if p, ok := l.marks[at]; ok {
			f.Where, f.Excerpt = l.src.where(p), l.src.excerpt(p)
			break
		}
		if at == "" {
			break
		}
	}
	return f
}

func parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }

var errPublic = errors.New(`is not a loopback address, and this node asks nobody who they are: everyone who reaches it could read and publish everything.
Either let it ask, with auth.jwt in a file for --config, or listen on 127.0.0.1, [::1] or localhost`)

func (l *Loaded) checkListen(broken bool) error {
	host, port, err := net.SplitHostPort(l.Listen)
	if err != nil {
		return fmt.Errorf("must be host:port, such as 127.0.0.1:8080, not %q", clip(l.Listen))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("must end in a port from 0 to 65535, not %q", clip(port))
	} else if n == 0 && port != "0" {
		return fmt.Errorf("must end in a plain number, not %q", clip(port))
	}
	if l.JWT == nil && !IsLoopback(host) && !broken {
		return fmt.Errorf("%q %w", clip(l.Listen), errPublic)
	}
	return nil
}

// IsLoopback reports whether a host is this machine and nothing else:
// localhost, 127.x.y.z or ::1. Names are not looked up, and an empty host is
// every address of the machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

func checkOrigin(origin string) error {
	if origin == "*" {
		return nil
	}
	u, err := url.Parse(origin)
	fine := err == nil && slices.Contains([]string{"http", "https"}, u.Scheme) && u.Host != "" &&
		u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !strings.Contains(u.Host, "*")
	if !fine {
		return fmt.Errorf("must be * or like https://app.example.com, without a path, not %q", clip(origin))
	}
	return nil
}
