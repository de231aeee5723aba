-- The outbox: what transactions have published, until it is out.
create table {schema}.outbox (
	tx bigint not null default pg_current_xact_id()::text::bigint, -- the transaction, so that its rows lie together
	id bigint generated always as identity (sequence name {schema}.outbox_ids),
	topic text collate "C" not null,
	event text collate "C" not null,
	data text collate "C" not null,     -- JSON as it came, byte for byte
	key text collate "C",               -- by which the topic knows it; null: one is made of the id
	at timestamptz not null default clock_timestamp(),
	tries int not null default 0,       -- how often the topic refused it
	reason text,                        -- why, the last time
	primary key (tx, id)
) with (
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
	autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
	toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0
);

-- A ticket is a transaction's place in the order of what is forwarded. It is drawn when the transaction commits, and is
-- for the transaction's rows from the first id to the last.
create sequence {schema}.outbox_places as bigint;
create table {schema}.outbox_tickets (
	seq bigint primary key,
	tx bigint not null,
	first bigint not null,
	last bigint not null,
	at timestamptz not null default clock_timestamp()
) with (
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
	autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000
);

-- Rows that could not be published.
create table {schema}.outbox_dead (
	id bigint primary key,              -- as it was in the outbox
	topic text collate "C" not null,
	event text collate "C" not null,
	data text collate "C" not null,
	key text collate "C" not null,
	at timestamptz not null,
	died timestamptz not null default clock_timestamp(),
	tries int not null,
	reason text not null
);
create index outbox_dead_died on {schema}.outbox_dead (died);

create table {schema}.outbox_state (
	one bool primary key default true check (one),
	life text not null default replace(gen_random_uuid()::text, '-', ''), -- ids begin again with a new outbox, and topics remember
	asleep bool not null default false  -- the forwarder wants to be woken
);
insert into {schema}.outbox_state default values;

-- outbox_draw runs at commit, once per row (with SET CONSTRAINTS IMMEDIATE or PREPARE TRANSACTION, earlier). The first time it draws
-- a ticket for all rows until then, and remembers so for the rest of the transaction; a savepoint that is rolled back takes back both.
--
-- Nobody waits here: numbers are drawn, not locked for. Whoever begins to commit after another has ended draws a
-- higher number, and is not visible without the other. The shared lock tells the forwarder which transactions may have drawn a
-- number that can not be seen yet: it is taken before the number, and held until that is visible.
create function {schema}.outbox_draw() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
	v_note text := 'troupe.outbox_' || tg_table_schema;
	v_done text := current_setting(v_note, true);
	v_last bigint;
begin
	if split_part(v_done, ' ', 1) = new.tx::text and new.id <= split_part(v_done, ' ', 2)::bigint then
		return null;
	end if;
	v_last := greatest(new.id, currval('{schema}.outbox_ids')); -- no other can have drawn an id in this session
	perform pg_advisory_xact_lock_shared(hashtextextended(v_note, 0));
	insert into {schema}.outbox_tickets (seq, tx, first, last) values (nextval('{schema}.outbox_places'), new.tx, new.id, v_last);
	perform set_config(v_note, new.tx::text || ' ' || v_last::text, true);
	-- A transaction that notifies can not be prepared; one that wants to be sets troupe.wake to off.
	if exists (select from {schema}.outbox_state where asleep) and current_setting('troupe.wake', true) is distinct from 'off' then
		perform pg_notify('troupe_outbox_' || tg_table_schema, '');
	end if;
	return null;
end $$;

create constraint trigger draw after insert on {schema}.outbox deferrable initially deferred
for each row execute function {schema}.outbox_draw();
alter table {schema}.outbox enable always trigger draw;

-- outbox_name_fault tells what is wrong with the name of a topic or an event, null: nothing. What it does not know to be invisible, the
-- forwarder does, and makes a dead letter.
create function {schema}.outbox_name_fault(name text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
select case
	when octet_length(name) <= 256 and name collate "C" ~ '^[ !#-\[\]-~]+$' then null
	when coalesce(name, '') = '' then 'must not be empty'
	when char_length(name) > 256 then 'must be at most 256 characters long'
	when name collate "C" ~ '["\\]' then 'must not contain " or \'
	when name collate "C" ~ '[\u0001-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff0-\ufffb\uffff\U000e0000-\U000e00ff\U000f0000-\U0010ffff]'
		then 'must not contain control or invisible characters'
end
$$;

-- troupe_publish(topic, event, data, key) publishes as part of the transaction. Data is JSON; text and json are kept byte for byte. Of
-- several with the same key, a topic takes the first within the dedup time of its policy.
create function {schema}.troupe_publish(topic text, event text, data text default null, key text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
	v_fault text;
	v_id bigint;
begin
	v_fault := 'topic: ' || {schema}.outbox_name_fault(topic);
	if v_fault is null and starts_with(topic, '__') then
		v_fault := 'topic: must not begin with __';
	end if;
	v_fault := coalesce(v_fault, 'event: ' || {schema}.outbox_name_fault(event));
	if v_fault is null and octet_length(data) > 16777216 then
		v_fault := 'data: must be at most 16 MiB';
	end if;
	if v_fault is null and (key = '' or octet_length(key) > 512) then
		v_fault := 'key: must be 1 to 512 bytes long';
	end if;
	if v_fault is null and data is not null then
		begin
			perform data::json;
		exception when data_exception or statement_too_complex then
			v_fault := 'data: must be JSON';
		end;
	end if;
	if v_fault is not null then
		raise exception 'troupe_publish: %', v_fault using errcode = 'invalid_parameter_value';
	end if;
	insert into {schema}.outbox (topic, event, data, key) values (topic, event, coalesce(data, 'null'), key) returning id into v_id;
	return v_id;
end $$;

create function {schema}.troupe_publish(topic text, event text, data json, key text default null) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select {schema}.troupe_publish(topic, event, data::text, key) $$;

create function {schema}.troupe_publish(topic text, event text, data jsonb, key text default null) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select {schema}.troupe_publish(topic, event, data::text, key) $$;

-- Who publishes needs usage of the schema and to execute troupe_publish, nothing else.
revoke all on function {schema}.outbox_draw(), {schema}.outbox_name_fault(text), {schema}.troupe_publish(text, text, text, text),
	{schema}.troupe_publish(text, text, json, text), {schema}.troupe_publish(text, text, jsonb, text) from public;
