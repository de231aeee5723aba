package pgnotify

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

func (o TriggerOptions) withDefaults() TriggerOptions {
	schema, table := o.table()
	o.Table = schema + "." + table
	o.Topic = cmp.Or(o.Topic, table)
	if len(o.Key) == 0 {
		o.Key = []string{"id"}
	}
	o.Via = cmp.Or(o.Via, ViaNotify)
	o.Channel = cmp.Or(o.Channel, DefaultChannel)
	o.Name = cmp.Or(o.Name, clip("troupe_"+table))
	o.Schema = cmp.Or(o.Schema, pgdb.DefaultSchema)
	return o
}

// table takes the name apart. A table's name has no dot: it would be refused.
func (o TriggerOptions) table() (schema, table string) {
	schema, table, ok := strings.Cut(o.Table, ".")
	if !ok {
		return "public", o.Table
	}
	return schema, table
}

const maxIdentifier = 63

// clip shortens a name to what Postgres keeps of it, at a character.
func clip(name string) string {
	if len(name) > maxIdentifier {
		name = strings.ToValidUTF8(name[:maxIdentifier], "")
	}
	return name
}

var sqlName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{M}\p{N}_]*$`)

// nameRule is what an identifier breaks, "" if it is fine.
func nameRule(name string) string {
	switch {
	case len(name) > maxIdentifier:
		return "must have at most 63 bytes"
	case !sqlName.MatchString(name):
		return "must be letters, digits and underscores, and begin with no digit"
	}
	return ""
}

// validate looks at options with defaults.
func (o TriggerOptions) validate() error {
	var faults []error
	add := func(field, rule string) {
		if rule != "" {
			faults = append(faults, &ConfigError{field, rule})
		}
	}
	schema, table := o.table()
	rule := cmp.Or(nameRule(schema), nameRule(table))
	if table == "" {
		rule = `is required, such as "public.messages"`
	}
	add("table", rule)
	if rule == "" || o.Name != clip("troupe_"+table) { // not once more because of the table
		add("name", nameRule(o.Name))
	}
	if _, fault := parseTemplate(o.Topic); rule == "" || o.Topic != table {
		add("topic", fault)
	}
	for i, c := range o.Columns {
		add(fmt.Sprintf("columns[%d]", i), nameRule(c))
	}
	for i, c := range o.Key {
		add(fmt.Sprintf("key[%d]", i), nameRule(c))
	}
	switch o.Via {
	case ViaNotify:
		add("channel", channelRule(o.Channel, o.Schema))
	case ViaOutbox:
	default:
		add("via", "must be notify or outbox")
	}
	if err := pgdb.CheckSchema(o.Schema); err != nil {
		add("schema", err.(*pgdb.ConfigError).Rule)
	}
	return errors.Join(faults...)
}

// A part of a topic's template is text, or the name of a column.
type part struct {
	text   string
	column bool
}

// parseTemplate takes a template apart, or says which rule it breaks.
func parseTemplate(template string) (parts []part, rule string) {
	plain := ""
	for rest := template; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return nil, "has a } without a {"
		}
		if text != "" {
			parts, plain = append(parts, part{text: text}), plain+text
		}
		if rest = after; !found {
			break
		}
		name, after, found := strings.Cut(rest, "}")
		if rule := nameRule(name); !found || rule != "" {
			return nil, "has a { that is not followed by the name of a column and }"
		}
		parts, plain, rest = append(parts, part{name, true}), plain+"x", after
	}
	if err, ok := errors.AsType[*topic.InputError](topic.CheckName(plain, true)); ok {
		return nil, err.Rule
	}
	if topic.IsSystem(plain) {
		return nil, `must not begin with "__"`
	}
	return parts, ""
}

// columns are those that the events have; nil is all.
func (o TriggerOptions) columns() []string {
	if len(o.Columns) == 0 {
		return nil
	}
	return o.needed(slices.Clone(o.Columns))
}

// needed adds the columns of the key and of the topic.
func (o TriggerOptions) needed(columns []string) []string {
	columns = append(columns, o.Key...)
	parts, _ := parseTemplate(o.Topic)
	for _, p := range parts {
		if p.column {
			columns = append(columns, p.text)
		}
	}
	var once []string
	for _, c := range columns {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}
