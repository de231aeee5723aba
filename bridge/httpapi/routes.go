package httpapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An action is what one method of one path does.
type action struct {
	name  string // as metrics and logs have it
	may   string // the permission that it needs
	do    func(*call) (any, error)
	query []string // the parameters that it has
}

type methods map[string]action

// allowed is the value of the Allow header.
func (m methods) allowed() string {
	all := slices.Sorted(maps.Keys(m))
	if _, ok := m[http.MethodGet]; ok {
		all = append(all, http.MethodHead)
	}
	return strings.Join(all, ", ")
}

// table is every call there is.
var table = map[string]methods{
	"/api/v1/publish": {
		"POST": {"publish", MayPublish, (*call).publish, nil},
	},
	"/api/v1/topics/{topic}/history": {
		"GET":    {"history", MayHistory, (*call).history, []string{"since", "epoch", "limit"}},
		"DELETE": {"history.clear", MayHistory, (*call).clearHistory, nil},
	},
	"/api/v1/topics/{topic}/presence": {
		"GET": {"presence", MayPresence, (*call).presence, nil},
	},
	"/api/v1/topics/{topic}/cursors": {
		"GET": {"cursors", MayCursors, (*call).cursors, nil},
	},
	"/api/v1/groups/{group}": {
		"GET":    {"group", MayGroups, (*call).group, nil},
		"PATCH":  {"group.change", MayGroups, (*call).changeGroup, nil},
		"DELETE": {"group.close", MayGroups, (*call).closeGroup, nil},
	},
	"/api/v1/groups/{group}/publish": {
		"POST": {"group.publish", MayGroups, (*call).publishToGroup, nil},
	},
	"/api/v1/groups/{group}/reopen": {
		"POST": {"group.reopen", MayGroups, (*call).reopenGroup, nil},
	},
	"/api/v1/limits/{name}/{key}": {
		"GET":    {"limit", MayLimits, (*call).peek, nil},
		"DELETE": {"limit.reset", MayLimits, (*call).reset, nil},
	},
	"/api/v1/limits/{name}/{key}/consume": {
		"POST": {"limit.consume", MayLimits, (*call).consume, nil},
	},
	"/api/v1/limits/{name}/{key}/ban": {
		"PUT":    {"limit.ban", MayLimits, (*call).ban, nil},
		"DELETE": {"limit.unban", MayLimits, (*call).unban, nil},
	},
}

const maxQuery = 1024

// checkQuery refuses parameters that the call does not have, or that are there twice.
func (c *call) checkQuery(known []string) error {
	if len(c.r.URL.RawQuery) > maxQuery {
		return wrong("", "the query is too long")
	}
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return wrong("", "the query is not URL-encoded as it should be")
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return wrong(name, "is not a parameter of this call")
		}
		if len(all) > 1 {
			return wrong(name, "is there twice")
		}
	}
	return nil
}
