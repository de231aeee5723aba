-- Topic history. A topic's name stands for an id; events and ids hang on the id, so that clearing a
-- topic is giving it another one.
create sequence {schema}.topic_ids as bigint;

create table {schema}.topics (
	name text collate "C" primary key,
	id bigint not null default nextval('{schema}.topic_ids'),
	epoch text collate "C" not null default replace(gen_random_uuid()::text, '-', ''),
	seq bigint not null default 0 check (seq >= 0), -- number of the newest event
	size bigint not null default 1,     -- retention of the last append: events,
	ttl bigint not null default 0,      -- milliseconds, 0: they do not age
	emptied bigint not null default 0,  -- up to here everything is known to be gone
	used timestamptz not null default clock_timestamp() -- last append, or to the hour last read
) with (
	-- Rows change with each append. Space in the page and no index on what changes lets them do so in place.
	fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
	autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 1
);

create table {schema}.events (
	topic bigint not null,
	seq bigint not null,
	at timestamptz not null,
	name text collate "C" not null,
	data text collate "C" not null,     -- JSON as it came, byte for byte
	primary key (topic, seq)
) with (
	autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.5,
	autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 1000,
	toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_cost_delay = 1
);

-- Ids by which events were published. bytea: they may be any bytes.
create table {schema}.ids (
	topic bigint not null,
	id bytea not null,
	seq bigint not null,
	at timestamptz not null,
	expires timestamptz not null,
	primary key (topic, id)
) with (
	autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
	autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 1000
);
create index ids_expires on {schema}.ids (expires);

-- Ids of topics that were cleared or forgotten, whose rows are still to be removed.
create table {schema}.cleared (
	id bigint primary key,
	at timestamptz not null default clock_timestamp()
);

-- What is to be done again and again by any one node, and who does it.
create table {schema}.tasks (
	name text collate "C" primary key,
	began timestamptz not null,         -- the last round
	until timestamptz,                  -- the round is not given to others before; null: it is over
	node text not null
);

-- append numbers and keeps entries of one or more topics. Topics are sorted by name, and an entry says by e_topic which
-- one it is for, and by e_off that it is the 1st, 2nd ... for it. i_entry and i_id are the ids, each once per topic.
--
-- Locks are taken in the order of names, so that calls do not wait for each other in a circle. What others have
-- committed until then is seen, as under READ COMMITTED each statement has a snapshot of its own. The heads are those before. The time is null,
-- and nothing is done, if topics are not there; enter makes them. To make them here would be to wait for new rows while holding others.
create function {schema}.append(
	p_names text[], p_counts int[], p_sizes bigint[], p_ttls bigint[], p_dedups bigint[],
	e_topic int[], e_off int[], e_name text[], e_data text[], i_entry int[], i_id bytea[],
	out epochs text[], out heads bigint[], out at timestamptz, out dup_entry int[], out dup_seq bigint[]
) language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	t_id bigint[];
	c int;
	v_stale boolean;
begin
	if current_setting('synchronous_commit') = 'off' then
		perform set_config('synchronous_commit', 'on', true); -- an answer means that it is on disk
	end if;
	if current_setting('transaction_isolation') <> 'read committed' then
		raise exception 'append needs read committed' using errcode = 'object_not_in_prerequisite_state';
	end if;
	select array_agg(l.id), array_agg(l.seq), array_agg(l.epoch) into t_id, heads, epochs
	from (select t.id, t.seq, t.epoch from {schema}.topics t where t.name = any(p_names) order by t.name for update) l;
	if cardinality(t_id) is distinct from cardinality(p_names) then
		return;
	end if;
	at := clock_timestamp();
	if cardinality(i_id) > 0 then
		select array_agg(x.entry) filter (where y.fresh), array_agg(i.seq) filter (where y.fresh), bool_or(not y.fresh)
		into dup_entry, dup_seq, v_stale
		from unnest(i_entry, i_id) x(entry, id)
		join {schema}.ids i on i.topic = t_id[e_topic[x.entry]] and i.id = x.id,
		lateral (select i.at > append.at - p_dedups[e_topic[x.entry]] * interval '1 ms' as fresh) y;
		if v_stale then
			delete from {schema}.ids i using unnest(i_entry, i_id) x(entry, id)
			where i.topic = t_id[e_topic[x.entry]] and i.id = x.id
				and i.at <= append.at - p_dedups[e_topic[x.entry]] * interval '1 ms';
		end if;
		if dup_entry is not null then
			foreach c in array dup_entry loop
				e_off[c] := 0;
			end loop;
			p_counts := array_fill(0, array[cardinality(p_names)]);
			for i in 1 .. cardinality(e_topic) loop
				if e_off[i] > 0 then
					c := p_counts[e_topic[i]] + 1;
					p_counts[e_topic[i]] := c;
					e_off[i] := c;
				end if;
			end loop;
		end if;
		insert into {schema}.ids (topic, id, seq, at, expires)
		select t_id[e_topic[x.entry]], x.id, heads[e_topic[x.entry]] + e_off[x.entry], append.at,
			append.at + p_dedups[e_topic[x.entry]] * interval '1 ms'
		from unnest(i_entry, i_id) x(entry, id) where e_off[x.entry] > 0;
	end if;
	insert into {schema}.events (topic, seq, at, name, data)
	select t_id[x.t], heads[x.t] + x.o, append.at, x.n, x.d
	from (select unnest(e_topic) t, unnest(e_off) o, unnest(e_name) n, unnest(e_data) d) x where x.o > 0;
	update {schema}.topics t set seq = t.seq + x.n, size = x.size, ttl = x.ttl, used = append.at
	from unnest(p_names, p_counts, p_sizes, p_ttls) x(name, n, size, ttl) where t.name = x.name;
end $$;

-- look returns where a topic stands, and events after a number. The first row is the topic: seq its newest number, name its epoch, data
-- the number of the oldest event that counts by size and age, at null unless nobody has used it for an hour. There is no
-- row if there is no topic. Stable: all statements see what the caller's one does.
create function {schema}.look(p_name text, p_after bigint, p_limit int, p_size bigint, p_ttl bigint)
returns table (seq bigint, at timestamptz, name text, data text)
language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_bitmapscan = off set work_mem = '32MB' as $$
declare
	t record;
	v_oldest bigint;
begin
	select s.id, s.seq, s.epoch, s.emptied, s.used into t from {schema}.topics s where s.name = p_name;
	if not found then
		return;
	end if;
	if t.emptied < t.seq then
		select e.seq into v_oldest from {schema}.events e
		where e.topic = t.id and e.seq > greatest(t.seq - p_size, t.emptied)
			and (p_ttl = 0 or e.at > clock_timestamp() - p_ttl * interval '1 ms')
		order by e.seq limit 1;
	end if;
	v_oldest := coalesce(v_oldest, t.seq + 1);
	return query select t.seq, case when t.used < clock_timestamp() - interval '1 hour' then t.used end, t.epoch, v_oldest::text;
	if p_limit > 0 and p_after < t.seq and v_oldest <= t.seq then
		return query select e.seq, e.at, e.name, e.data from {schema}.events e
		where e.topic = t.id and e.seq > p_after and e.seq >= v_oldest and e.seq <= t.seq order by e.seq limit p_limit;
	end if;
end $$;

-- enter makes topics that are not there, and notes that they are used.
create function {schema}.enter(p_names text[]) returns void
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	insert into {schema}.topics (name) select n from unnest(p_names) n
	where not exists (select from {schema}.topics t where t.name = n) order by n collate "C" on conflict do nothing;
	update {schema}.topics t set used = clock_timestamp() where t.name in (
		select s.name from {schema}.topics s where s.name = any(p_names) and s.used < clock_timestamp() - interval '30 minutes'
		order by s.name for update skip locked);
end $$;

-- clear gives a topic another life. What the old one left is removed by drop_cleared.
create function {schema}.clear(p_name text) returns void
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	v_id bigint;
begin
	if current_setting('synchronous_commit') = 'off' then
		perform set_config('synchronous_commit', 'on', true);
	end if;
	update {schema}.topics t set id = default, epoch = default, seq = 0, emptied = 0, used = clock_timestamp()
	from (select s.id, s.name from {schema}.topics s where s.name = p_name for update) o
	where t.name = o.name returning o.id into v_id;
	if found then
		insert into {schema}.cleared (id) values (v_id);
	end if;
end $$;

create function {schema}.renew(p_name text, p_epoch text) returns void
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	if current_setting('synchronous_commit') = 'off' then
		perform set_config('synchronous_commit', 'on', true);
	end if;
	update {schema}.topics t set epoch = default where t.name = p_name and t.epoch = p_epoch;
end $$;

-- trim removes at most so many events of a topic that do not count any more by its last append. p_id and p_from may say where a trim before it
-- came to. gone -1: somebody else is trimming it. What a crash takes back of it is done again.
create function {schema}.trim(p_name text, p_lock bigint, p_id bigint, p_from bigint, p_limit int,
	out id bigint, out next bigint, out gone int, out more boolean
) language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_bitmapscan = off as $$
declare
	t record;
	v_first bigint;
	v_last bigint;
	v_aged bigint;
begin
	gone := 0;
	more := false;
	perform set_config('synchronous_commit', 'off', true);
	select s.id, s.seq, s.size, s.ttl, s.emptied into t from {schema}.topics s where s.name = p_name;
	if not found then
		return;
	end if;
	id := t.id;
	next := greatest(t.emptied + 1, case when p_id = t.id then p_from end);
	if not pg_try_advisory_xact_lock(p_lock) then
		gone := -1;
		return;
	end if;
	select e.seq into v_first from {schema}.events e where e.topic = t.id and e.seq >= trim.next order by e.seq limit 1;
	if v_first is null then
		update {schema}.topics s set emptied = t.seq where s.name = p_name and s.id = t.id and s.seq = t.seq and s.emptied < t.seq;
		return;
	end if;
	v_last := t.seq - t.size;
	if t.ttl > 0 then
		select max(x.seq) into v_aged from (
			select e.seq, e.at from {schema}.events e where e.topic = t.id and e.seq >= v_first order by e.seq limit p_limit) x
		where x.at <= clock_timestamp() - t.ttl * interval '1 ms';
		v_last := greatest(v_last, v_aged);
	end if;
	more := v_last >= v_first + p_limit;
	v_last := least(v_last, v_first + p_limit - 1);
	next := v_first;
	if v_last >= v_first then
		delete from {schema}.events e where e.topic = t.id and e.seq between v_first and v_last;
		get diagnostics gone = row_count;
		next := v_last + 1;
		more := more or v_last >= t.seq or (t.ttl > 0 and v_aged = v_last);
	end if;
end $$;

-- sweep looks at so many topics after a name and returns those that have something to trim. Topics that nobody has
-- used for a quarter of an hour are left out if p_all is not set, unless their events age.
create function {schema}.sweep(p_after text, p_scan int, p_all boolean, out seen int, out last text, out found text[])
language sql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
	select count(*)::int, max(t.name), array_agg(t.name) filter (where t.emptied < t.seq and (p_all or t.ttl > 0 or t.used > clock_timestamp() - interval '15 minutes') and (
		select coalesce(e.seq <= t.seq - t.size or (t.ttl > 0 and e.at <= clock_timestamp() - t.ttl * interval '1 ms'), true)
		from (values (0)) one left join lateral (
			select e.seq, e.at from {schema}.events e where e.topic = t.id and e.seq > t.emptied order by e.seq limit 1) e on true))
	from (select * from {schema}.topics s where s.name > p_after order by s.name limit p_scan) t
$$;

-- forget removes topics that hold nothing and that nobody has used for a day.
create function {schema}.forget(p_after text, p_scan int, out seen int, out last text, out gone int)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_bitmapscan = off as $$
begin
	select count(*), max(t.name) into seen, last
	from (select s.name from {schema}.topics s where s.name > p_after order by s.name limit p_scan) t;
	delete from {schema}.topics t where t.name in (
		select s.name from {schema}.topics s
		where s.name > p_after and s.name <= forget.last and s.emptied = s.seq and s.used < clock_timestamp() - interval '1 day'
			and not exists (select from {schema}.ids i where i.topic = s.id and i.expires > clock_timestamp())
		order by s.name for update skip locked);
	get diagnostics gone = row_count;
end $$;

-- drop_ids removes at most so many ids that have expired, from a time on.
create function {schema}.drop_ids(p_from timestamptz, p_limit int, out gone int, out upto timestamptz)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_bitmapscan = off as $$
begin
	perform set_config('synchronous_commit', 'off', true);
	with old as (
		select i.topic, i.id, i.expires from {schema}.ids i where i.expires >= p_from and i.expires <= clock_timestamp()
		order by i.expires limit p_limit for update skip locked),
	dropped as (delete from {schema}.ids i using old where i.topic = old.topic and i.id = old.id returning i.expires)
	select count(*), max(d.expires) into gone, upto from dropped d;
end $$;

-- drop_cleared removes at most so many rows of topics that were cleared.
create function {schema}.drop_cleared(p_limit int, out gone int)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan set enable_bitmapscan = off as $$
declare
	v_id bigint;
	n int;
begin
	gone := 0;
	perform set_config('synchronous_commit', 'off', true);
	select c.id into v_id from {schema}.cleared c order by c.id limit 1 for update skip locked;
	if not found then
		return;
	end if;
	delete from {schema}.events e where e.topic = v_id and e.seq in (
		select o.seq from {schema}.events o where o.topic = v_id order by o.seq limit p_limit);
	get diagnostics gone = row_count;
	delete from {schema}.ids i where i.topic = v_id and i.id in (
		select o.id from {schema}.ids o where o.topic = v_id order by o.id limit p_limit for update skip locked);
	get diagnostics n = row_count;
	gone := gone + n;
	if gone = 0 then
		delete from {schema}.cleared c where c.id = v_id;
		gone := 1;
	end if;
end $$;
