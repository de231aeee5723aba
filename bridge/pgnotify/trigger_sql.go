package pgnotify

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// triggerBody runs once per row that changed. What it can not make sense of it leaves out with a warning: an
// announcement is no reason for the row not to be written.
//
// NOTIFY drops a payload that the transaction has sent before; the id keeps those apart that only look alike.
const triggerBody = `
-- Made by Troupe: announces on a topic what changes in a table. To change it, install it again.
declare
  was jsonb;         -- the row before
  is_ jsonb;         -- and after
  was_topic text;
  is_topic text;
  changed text[];    -- columns
  before jsonb;      -- what was in them
  events text[] := '{}';
  topics text[] := '{}';
  rows_ jsonb[] := '{}';
  payload text;
begin
  begin
    if tg_op <> 'INSERT' then
      was := %[1]s;
      was_topic := %[2]s;
    end if;
    if tg_op <> 'DELETE' then
      is_ := %[3]s;
      is_topic := %[4]s;
    end if;
  exception when others then
    raise warning 'troupe: a change of %%.%% is not announced: %%', tg_table_schema, tg_table_name, sqlerrm;
    return null;
  end;

  if tg_op = 'UPDATE' and was_topic = is_topic and %[5]s then
    select pg_catalog.array_agg(n.key order by n.key), pg_catalog.jsonb_object_agg(n.key, was -> n.key)
      into changed, before
      from pg_catalog.jsonb_each(is_) n
      where n.value is distinct from was -> n.key;
    if changed is null then
      return null;
    end if;
    events := array['updated'];
    topics := array[is_topic];
    rows_ := array[is_ || pg_catalog.jsonb_build_object('$columns', changed, '$old', before)];
  else
    if was_topic is not null then
      events := array['deleted'];
      topics := array[was_topic];
      rows_ := array[was];
    end if;
    if is_topic is not null then
      events := events || 'created'::text;
      topics := topics || is_topic;
      rows_ := rows_ || is_;
    end if;
  end if;

  for i in 1 .. pg_catalog.cardinality(events) loop
    if topics[i] collate "C" !~ '^[ !#-\[\]-~]{1,255}$' and (topics[i] = '' or pg_catalog.char_length(topics[i]) > 256 or
        topics[i] collate "C" ~ '["\\\u0001-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff0-\ufffb\uffff]')
        or pg_catalog.starts_with(topics[i], '__') then
      raise warning 'troupe: a change of %%.%% is not announced: its columns make no name of a topic', tg_table_schema, tg_table_name;
      continue;
    end if;
    %[6]s
  end loop;
  return null;
end`

const sendNotify = `payload := pg_catalog.jsonb_build_object('topic', topics[i], 'event', events[i], 'data', rows_[i],
      'id', pg_catalog.gen_random_uuid())::text;
    if pg_catalog.octet_length(payload) > 7999 then -- more than a notification can carry
      payload := pg_catalog.jsonb_build_object('topic', topics[i], 'event', events[i], 'id', pg_catalog.gen_random_uuid(), 'data',
        (rows_[i] - '$old' - (select pg_catalog.array_agg(k) from pg_catalog.jsonb_object_keys(rows_[i]) k
          where k <> all (%[1]s))) || '{"$truncated": true}')::text;
    end if;
    if pg_catalog.octet_length(payload) > 7999 then
      payload := pg_catalog.jsonb_build_object('topic', topics[i], 'event', events[i], 'id', pg_catalog.gen_random_uuid(),
        'data', '{"$truncated": true}'::jsonb)::text;
    end if;
    perform pg_catalog.pg_notify(%[2]s, payload);`

const sendOutbox = `perform %s.troupe_publish(topics[i], events[i], rows_[i]);`

func (o TriggerOptions) install() string {
	body := o.body()
	tag := "$troupe$"
	for i := 1; strings.Contains(body, tag); i++ {
		tag = fmt.Sprintf("$troupe%d$", i)
	}
	return fmt.Sprintf(`create or replace function %[1]s() returns trigger language plpgsql as %[2]s%[3]s
%[2]s;

create or replace trigger %[4]s
  after insert or update or delete on %[5]s
  for each row execute function %[1]s();
`, o.function(), tag, body, quoteName(o.Name), o.quotedTable())
}

func (o TriggerOptions) remove() string {
	return fmt.Sprintf("drop trigger if exists %s on %s;\n\ndrop function if exists %s();\n",
		quoteName(o.Name), o.quotedTable(), o.function())
}

func (o TriggerOptions) body() string {
	send := fmt.Sprintf(sendOutbox, quoteName(o.Schema))
	if o.Via == ViaNotify {
		keep := []string{quoteText("$columns")}
		for _, c := range o.needed(nil) {
			keep = append(keep, quoteText(c))
		}
		send = fmt.Sprintf(sendNotify, "array["+strings.Join(keep, ", ")+"]", quoteText(o.Channel))
	}
	return fmt.Sprintf(triggerBody, o.image("old"), o.topicOf("was"), o.image("new"), o.topicOf("is_"), o.sameKey(), send)
}

// image is the expression for what an event has of a row.
func (o TriggerOptions) image(row string) string {
	columns := o.columns()
	if columns == nil {
		return "pg_catalog.to_jsonb(" + row + ")"
	}
	const most = 40 // pairs that a call can be given are 50
	var calls []string
	for i := 0; i < len(columns); i += most {
		var pairs []string
		for _, c := range columns[i:min(i+most, len(columns))] {
			pairs = append(pairs, quoteText(c)+", "+row+"."+quoteName(c))
		}
		calls = append(calls, "pg_catalog.jsonb_build_object("+strings.Join(pairs, ", ")+")")
	}
	return strings.Join(calls, " || ")
}

// topicOf is the expression for the topic of a row.
func (o TriggerOptions) topicOf(image string) string {
	parts, _ := parseTemplate(o.Topic)
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = quoteText(p.text)
		if p.column {
			texts[i] = "(" + image + " ->> " + texts[i] + ")"
		}
	}
	return strings.Join(texts, " || ")
}

// sameKey is the expression for a row being the same as before to whoever tells rows apart by the key.
func (o TriggerOptions) sameKey() string {
	same := make([]string, len(o.Key))
	for i, k := range o.Key {
		k = quoteText(k)
		same[i] = fmt.Sprintf("was -> %s is not distinct from is_ -> %s", k, k)
	}
	return strings.Join(same, " and ")
}

func (o TriggerOptions) function() string {
	schema, _ := o.table()
	return pgx.Identifier{schema, o.Name}.Sanitize()
}

func (o TriggerOptions) quotedTable() string {
	schema, table := o.table()
	return pgx.Identifier{schema, table}.Sanitize()
}

func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

// quoteText is a literal. Backslashes, which are something else to servers of a certain setting, have been refused.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
