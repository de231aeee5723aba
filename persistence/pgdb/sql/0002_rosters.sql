-- Rosters: see persistence/pgstore. All of it is unlogged: presence is worth less than the disk's time, and after a crash
-- of the server every roster begins anew. Names, lives, keys and values are bytes, as they came.

-- A row for each roster. Its lock is the roster's: whatever changes anything of it takes that first. No column that is
-- updated often has an index.
create unlogged table {schema}.rosters (
    name         bytea       primary key,
    id           bigint      not null unique check (id > 0), -- random; the epoch is this in hexadecimal
    version      bigint      not null default 0 check (version >= 0),
    members      int         not null default 0 check (members >= 0),
    turn         bigint      not null default 0, -- of the last put; a member is seen as who put it last shows it
    closed_until timestamptz,
    over         text        not null default '', -- the epoch that ended when it was closed
    used_at      timestamptz not null default clock_timestamp()
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

-- What each life shows. Rows whose roster is the id of none are not there.
create unlogged table {schema}.roster_members (
    roster bigint not null,
    key    bytea  not null check (octet_length(key) between 1 and 512),
    life   bytea  not null,
    turn   bigint not null,
    value  bytea  not null check (octet_length(value) between 1 and 65536),
    primary key (roster, key, life)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);

-- On which rosters a life is, or was lately, how many it shows there, and the last call that it made.
create unlogged table {schema}.roster_lives (
    life   bytea       not null,
    name   bytea       not null,
    roster bigint      not null, -- shows is of this id
    shows  int         not null check (shows >= 0),
    writer bigint      not null,
    number bigint      not null,
    at     timestamptz not null default clock_timestamp(),
    primary key (life, name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index on {schema}.roster_lives (name);

-- Lives that are over.
create unlogged table {schema}.roster_dead (
    life bytea       primary key,
    at   timestamptz not null default clock_timestamp()
);

create unlogged table {schema}.roster_notes (
    name bytea not null,
    key  bytea not null,
    text bytea not null,
    primary key (name, key)
);

-- roster_lock returns a roster's row, locked, and makes it if need be. Fresh is the id that it then has.
create function {schema}.roster_lock(name_ bytea, fresh bigint) returns {schema}.rosters language plpgsql volatile as $$
declare
    h {schema}.rosters;
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction'; -- its unlogged tables can not even be read
    end if;
    loop
        select * into h from {schema}.rosters where name = name_ for no key update;
        exit when found;
        insert into {schema}.rosters (name, id) values (name_, fresh) on conflict (name) do nothing;
    end loop;
    if h.closed_until <= clock_timestamp() then
        h.closed_until := null;
        h.over := '';
    end if;
    return h;
end $$;

-- roster_length is a number as Go's binary.AppendUvarint writes it: groups of seven bits, the lowest first.
create function {schema}.roster_length(n int) returns bytea language plpgsql immutable as $$
declare
    out bytea := ''::bytea;
begin
    while n > 127 loop
        out := out || set_byte('\x00'::bytea, 0, 128 + (n & 127));
        n := n >> 7;
    end loop;
    return out || set_byte('\x00'::bytea, 0, n);
end $$;

-- roster_send relays a frame of a roster when the transaction is committed, in the form that pgdb.Payloads gives it.
create function {schema}.roster_send(channel text, name_ bytea, frame bytea) returns void language plpgsql volatile as $$
declare
    chunk  constant int := 5982; -- bytes in a payload; pgdb's Assembler wants exactly these
    packet bytea := {schema}.roster_length(octet_length(name_)) || name_ || {schema}.roster_length(octet_length(frame)) || frame;
    count  int   := (octet_length(packet) + chunk - 1) / chunk;
    id     text  := lpad(to_hex((random() * 4294967295)::bigint), 8, '0');
begin
    for i in 1..count loop
        perform pg_notify(channel, id || ' ' || i || '/' || count || ' ' ||
            rtrim(replace(encode(substr(packet, (i - 1) * chunk + 1, chunk), 'base64'), E'\n', ''), '='));
    end loop;
end $$;

-- roster_change has a life show members (a value) or show them no longer (null) on a locked roster, and relays what that
-- changes for all. Max > 0 bounds the members.
--
-- Letters answers each op: '+' all see the value, '-' the member left, 'r' all see another value, which is in back, in
-- the order of the ops, 'x' refused, '.' no change. Delta is how many members more the life shows.
create function {schema}.roster_change(h {schema}.rosters, channel text, life_ bytea, keys bytea[], vals bytea[], max int,
    out letters text, out back bytea[], out delta int, out version bigint, out members int)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    refused   bigint[] := '{}';
    dropped   bytea[];
    put       bytea[];
    put_value bytea[];
    change    int;
    body      bytea;
    grows     int;
    room      int;
    op        record;
begin
    -- Only on a roster that may become full the ops have to be looked at one after the other.
    if max > 0 and h.members + cardinality(vals) - cardinality(array_positions(vals, null)) > max then
        room := max - h.members;
        for op in
            select o.n, o.val is null as leaves, m.life, m.others
              from unnest(keys, vals) with ordinality as o(key, val, n)
              left join lateral (select x.life, exists (select from {schema}.roster_members y
                                        where y.roster = x.roster and y.key = x.key and y.life <> life_) as others
                                   from {schema}.roster_members x where x.roster = h.id and x.key = o.key
                                  order by x.turn desc limit 1) m on true
             order by o.n
        loop
            if op.leaves then
                room := room + coalesce((op.life = life_ and not op.others)::int, 0);
            elsif op.life is null and room <= 0 then
                refused := refused || op.n;
            elsif op.life is null then
                room := room - 1;
            end if;
        end loop;
    end if;

    select string_agg(s.letter, ''),
           array_agg(s.next) filter (where s.letter = 'r'),
           array_agg(s.key) filter (where s.val is null and s.mine),
           array_agg(s.key) filter (where s.writes),
           array_agg(s.val) filter (where s.writes),
           count(*) filter (where s.writes and not s.mine) - count(*) filter (where s.val is null and s.mine),
           count(*) filter (where s.joins and s.letter = '+') - count(*) filter (where s.letter = '-'),
           count(*) filter (where s.letter in ('+', '-', 'r')),
           string_agg(case s.letter
               when '+' then convert_to('+' || octet_length(s.key) || ' ' || octet_length(s.val) || E'\n', 'UTF8') || s.key || s.val
               when 'r' then convert_to('+' || octet_length(s.key) || ' ' || octet_length(s.next) || E'\n', 'UTF8') || s.key || s.next
               when '-' then convert_to('-' || octet_length(s.key) || E'\n', 'UTF8') || s.key end, ''::bytea)
      into letters, back, dropped, put, put_value, delta, grows, change, body
      from (select o.key, o.val, r.value as next, m.life is null as joins,
                   coalesce(m.life = life_ or own.mine, false) as mine,
                   o.val is not null and not o.n = any (refused) and (m.life is distinct from life_ or m.value <> o.val) as writes,
                   case when o.val is null then
                            case when m.life is distinct from life_ or r.value = m.value then '.' when r.value is null then '-' else 'r' end
                        when o.n = any (refused) then 'x'
                        when m.value = o.val then '.'
                        else '+' end as letter
              from unnest(keys, vals) with ordinality as o(key, val, n)
              left join lateral (select x.life, x.value from {schema}.roster_members x
                    where x.roster = h.id and x.key = o.key order by x.turn desc limit 1) m on true
              left join lateral (select true as mine from {schema}.roster_members x
                    where m.life <> life_ and x.roster = h.id and x.key = o.key and x.life = life_ limit 1) own on true
              left join lateral (select x.value from {schema}.roster_members x
                    where o.val is null and m.life = life_ and x.roster = h.id and x.key = o.key and x.life <> life_
                    order by x.turn desc limit 1) r on true
             order by o.n) s;

    letters := coalesce(letters, '');
    if dropped is not null then
        delete from {schema}.roster_members where roster = h.id and key = any (dropped) and life = life_;
    end if;
    if put is not null then
        h.turn := h.turn + 1;
        insert into {schema}.roster_members as m (roster, key, life, turn, value)
        select h.id, u.key, life_, h.turn, u.val from unnest(put, put_value) as u(key, val)
            on conflict (roster, key, life) do update set turn = excluded.turn, value = excluded.value;
    end if;
    if change > 0 then
        h.version := h.version + 1;
        h.members := greatest(h.members + grows, 0);
        perform {schema}.roster_send(channel, h.name,
            convert_to('R ' || to_hex(h.id) || ' ' || h.version || ' ' || change || E'\n', 'UTF8') || body);
    end if;
    -- Who only looks in leaves the row alone for a while.
    if change > 0 or put is not null or h.used_at < clock_timestamp() - interval '1 minute' then
        update {schema}.rosters set version = h.version, members = h.members, turn = h.turn, closed_until = h.closed_until,
               over = h.over, used_at = clock_timestamp() where name = h.name;
    end if;
    version := h.version;
    members := h.members;
end $$;

-- roster_apply is Apply. State is 'ok', 'closed', 'buried' or 'late': a call that its writer gave up, and of which a later
-- one was answered. Mark is the life's lock.
--
-- Plans must not depend on what the tables held when they were made: each statement goes to its rows by an index.
create function {schema}.roster_apply(channel text, name_ bytea, life_ bytea, keys bytea[], vals bytea[], max int, fresh bigint,
    mark bigint, writer_ bigint, number_ bigint,
    out state text, out epoch text, out version bigint, out members int, out letters text, out back bytea[])
language plpgsql volatile
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
    h     {schema}.rosters := {schema}.roster_lock(name_, fresh);
    known {schema}.roster_lives;
    delta int := 0;
begin
    state := 'ok';
    select * into known from {schema}.roster_lives l where l.life = life_ and l.name = name_;
    if known.roster is distinct from h.id or known.shows = 0 then
        -- Bury finds a life by its rows here. It waits for those that are being made.
        perform pg_advisory_xact_lock_shared(mark);
    end if;
    if exists (select from {schema}.roster_dead d where d.life = life_) then
        state := 'buried';
    elsif known.writer = writer_ and known.number >= number_ then
        state := 'late';
    elsif h.closed_until is not null and cardinality(array_positions(vals, null)) < cardinality(vals) then
        state := 'closed';
    end if;
    if state in ('buried', 'late') then
        return;
    end if;
    if h.closed_until is null then
        select c.letters, c.back, c.delta, c.version, c.members into letters, back, delta, version, members
          from {schema}.roster_change(h, channel, life_, keys, vals, max) c;
        epoch := case when version > 0 then to_hex(h.id) else '' end;
    else
        letters := repeat('.', cardinality(vals));
        epoch := '';
        version := 0;
        members := 0;
    end if;
    insert into {schema}.roster_lives as l (life, name, roster, shows, writer, number)
    values (life_, name_, h.id, greatest(delta, 0), writer_, number_)
        on conflict (life, name) do update set roster = excluded.roster, writer = excluded.writer, number = excluded.number, at = excluded.at,
           shows = greatest(case when l.roster = excluded.roster then l.shows else 0 end + delta, 0);
end $$;

-- roster_bury drops some of what a dead life shows on a roster, with keys after a given one, and returns the last of them;
-- null when that was all. It takes no more than most members, and values that come back of about so many bytes.
create function {schema}.roster_bury(channel text, name_ bytea, life_ bytea, after bytea, most int, bytes int) returns bytea
language plpgsql volatile
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
    h    {schema}.rosters;
    keys bytea[];
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    select * into h from {schema}.rosters where name = name_ for no key update;
    if found then
        select array_agg(s.key) into keys
          from (select t.key, sum(t.size) over (order by t.key) - t.size as before
                  from (select m.key, coalesce(r.size, 0) + octet_length(m.key) as size
                          from (select x.key, x.turn from {schema}.roster_members x
                                 where x.roster = h.id and x.life = life_ and x.key > after order by x.key limit most) m
                          left join lateral (select octet_length(y.value) as size, y.turn from {schema}.roster_members y
                                 where y.roster = h.id and y.key = m.key and y.life <> life_ order by y.turn desc limit 1) r
                            on r.turn < m.turn) t
                 order by t.key) s
         where s.before < bytes;
        if keys is not null then
            perform {schema}.roster_change(h, channel, life_, keys, array_fill(null::bytea, array[cardinality(keys)]), 0);
            return keys[cardinality(keys)];
        end if;
    end if;
    delete from {schema}.roster_lives where life = life_ and name = name_;
    return null;
end $$;

-- roster_load returns a row for the roster, whose key is null, and one for each member, of one moment.
create function {schema}.roster_load(name_ bytea) returns table (epoch text, version bigint, closed boolean, members int, key bytea, value bytea)
language plpgsql stable
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    return query
    with h as materialized (select r.* from {schema}.rosters r where r.name = name_)
    select case when h.version > 0 then to_hex(h.id) else '' end, h.version, coalesce(h.closed_until > clock_timestamp(), false), h.members,
           null::bytea, null::bytea
      from h
     union all
    select null, null, null, null, m.key, m.value
      from h cross join lateral (select distinct on (x.key) x.key, x.value from {schema}.roster_members x
                                  where x.roster = h.id order by x.key, x.turn desc) m;
end $$;

-- roster_check tells where a roster stands, and has one that is asked for stay.
create function {schema}.roster_check(name_ bytea, out epoch text, out version bigint, out closed boolean, out lives bytea[], out shows int[])
language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    idle boolean;
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    select case when r.version > 0 then to_hex(r.id) else '' end, r.version, coalesce(r.closed_until > clock_timestamp(), false),
           l.lives, l.shows, r.members = 0 and r.version > 0 and r.used_at < clock_timestamp() - interval '5 minutes'
      into epoch, version, closed, lives, shows, idle
      from {schema}.rosters r, lateral (select array_agg(x.life) as lives, array_agg(x.shows) as shows from {schema}.roster_lives x
                                         where x.name = r.name and x.roster = r.id and x.shows > 0) l
     where r.name = name_;
    if idle then
        update {schema}.rosters set used_at = clock_timestamp() where name = name_;
    end if;
end $$;

-- roster_end marks a life dead. When it returns, and its transaction has ended, the life has a row for each roster where it
-- shows anybody, and gets no others.
create function {schema}.roster_end(life_ bytea, mark bigint) returns void language plpgsql volatile as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    perform pg_advisory_xact_lock(mark);
    insert into {schema}.roster_dead as d (life) values (life_) on conflict (life) do update set at = excluded.at;
end $$;

-- roster_anew empties a locked roster, which goes on under another id.
create function {schema}.roster_anew(h {schema}.rosters, fresh bigint, until timestamptz, ended text) returns void
language plpgsql volatile as $$
begin
    delete from {schema}.roster_members where roster = h.id;
    update {schema}.rosters set id = fresh, version = 0, members = 0, turn = 0, closed_until = until, over = ended,
           used_at = clock_timestamp() where name = h.name;
end $$;

create function {schema}.roster_close(channel text, name_ bytea, fresh bigint, keep interval) returns void language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    h     {schema}.rosters := {schema}.roster_lock(name_, fresh);
    ended text := case when h.closed_until is not null then h.over when h.version > 0 then to_hex(h.id) else '' end;
begin
    perform {schema}.roster_anew(h, fresh, clock_timestamp() + keep, ended);
    delete from {schema}.roster_notes where name = name_;
    perform {schema}.roster_send(channel, name_, convert_to('C ' || ended || E'\n', 'UTF8'));
end $$;

-- roster_note changes what is noted; a text that is null deletes. It returns whether the roster is open.
create function {schema}.roster_note(name_ bytea, keys bytea[], texts bytea[], fresh bigint) returns boolean language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    h {schema}.rosters := {schema}.roster_lock(name_, fresh);
begin
    if h.closed_until is not null then
        return false;
    end if;
    delete from {schema}.roster_notes n using unnest(keys, texts) as u(key, text) where u.text is null and n.name = name_ and n.key = u.key;
    insert into {schema}.roster_notes (name, key, text)
    select name_, u.key, u.text from unnest(keys, texts) as u(key, text) where u.text is not null
        on conflict (name, key) do update set text = excluded.text;
    return true;
end $$;

create function {schema}.roster_notes_of(name_ bytea) returns table (key bytea, text bytea) language plpgsql stable
set enable_seqscan = off as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    return query select n.key, n.text from {schema}.roster_notes n where n.name = name_;
end $$;

create function {schema}.roster_reopen(name_ bytea) returns void language plpgsql volatile
set enable_seqscan = off as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    update {schema}.rosters r set closed_until = null, over = '' where r.name = name_ and r.closed_until is not null;
end $$;

-- roster_sound reports whether a roster is as it is noted to be, at one moment.
create function {schema}.roster_sound(id_ bigint) returns boolean language sql volatile as $$
    with l as (select m.life, count(*) as shows from {schema}.roster_members m where m.roster = id_ group by 1)
    select r.members = (select count(*) from (select distinct m.key from {schema}.roster_members m where m.roster = id_) k)
           and not exists (select from l full join (select x.life, x.shows from {schema}.roster_lives x
                                where x.roster = id_ and x.name = r.name and x.shows > 0) k using (life)
                           where l.shows is distinct from k.shows)
      from {schema}.rosters r where r.id = id_
$$;

-- roster_verify counts a roster. Where the counts are not those that are noted, somebody else wrote here: it begins anew,
-- and this returns true.
create function {schema}.roster_verify(name_ bytea, fresh bigint) returns boolean language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    h {schema}.rosters;
begin
    if coalesce((select {schema}.roster_sound(r.id) from {schema}.rosters r where r.name = name_), true) then
        return false;
    end if;
    -- It may have changed while it was counted.
    select * into h from {schema}.rosters where name = name_ for no key update;
    if not found or {schema}.roster_sound(h.id) then
        return false;
    end if;
    perform {schema}.roster_anew(h, fresh, h.closed_until, h.over);
    return true;
end $$;

-- roster_verify_all verifies rosters with names after a given one, until it has counted so many members or one began anew.
-- It returns the last name, null at the end.
create function {schema}.roster_verify_all(after bytea, most int, fresh bigint, out last bytea, out anew boolean)
language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    seen int := 0;
    n    int;
begin
    last := after;
    anew := false;
    while seen < most and not anew loop
        select r.name, r.members into last, n from {schema}.rosters r where r.name > last order by r.name limit 1;
        exit when not found;
        seen := seen + 1 + n;
        anew := {schema}.roster_verify(last, fresh);
    end loop;
end $$;

-- The tasks look at a page of rows after a given one, drop what nobody needs any more, and return the last row of the page; null
-- when it was the last page.

-- roster_forget drops rosters that nobody was on, and nobody asked for, in ten minutes.
create function {schema}.roster_forget(after bytea, most int) returns bytea language plpgsql volatile
set enable_seqscan = off as $$
declare
    names bytea[] := array(select r.name from {schema}.rosters r where r.name > after order by r.name limit most);
begin
    delete from {schema}.rosters r where r.name = any (names) and r.members = 0 and r.used_at < clock_timestamp() - interval '10 minutes'
       and (r.closed_until is null or r.closed_until < clock_timestamp());
    return case when cardinality(names) = most then names[most] end;
end $$;

-- roster_forget_lives drops what is known of lives that show nobody, when no call of theirs can be under way any more.
create function {schema}.roster_forget_lives(after_life bytea, after_name bytea, most int, out last_life bytea, out last_name bytea)
language plpgsql volatile
set enable_seqscan = off as $$
declare
    lives bytea[];
    names bytea[];
begin
    select array_agg(p.life), array_agg(p.name) into lives, names
      from (select l.life, l.name from {schema}.roster_lives l where (l.life, l.name) > (after_life, after_name)
             order by l.life, l.name limit most) p;
    delete from {schema}.roster_lives l using unnest(lives, names) as p(life, name)
     where l.life = p.life and l.name = p.name and l.at < clock_timestamp() - interval '2 minutes'
       and (l.shows = 0 or not exists (select from {schema}.rosters r where r.id = l.roster and r.name = l.name));
    if cardinality(lives) = most then
        last_life := lives[most];
        last_name := names[most];
    end if;
end $$;

-- roster_forget_members drops what belongs to no roster, of so many ids, no more than so many rows.
create function {schema}.roster_forget_members(after bigint, most int, most_rows int) returns bigint language plpgsql volatile
set enable_seqscan = off as $$
declare
    last bigint := after;
    next bigint;
    n    int;
begin
    for i in 1..most loop
        select m.roster into next from {schema}.roster_members m where m.roster > last order by m.roster limit 1;
        if not found then
            return null;
        end if;
        if not exists (select from {schema}.rosters r where r.id = next) then
            delete from {schema}.roster_members m using
                (select x.key, x.life from {schema}.roster_members x where x.roster = next order by x.key, x.life limit most_rows) d
             where m.roster = next and m.key = d.key and m.life = d.life and not exists (select from {schema}.rosters r where r.id = next);
            get diagnostics n = row_count;
            most_rows := most_rows - n;
            if most_rows = 0 then
                return last; -- more of it may be there
            end if;
        end if;
        last := next;
    end loop;
    return last;
end $$;

-- roster_forget_dead drops marks of lives that are over for long.
create function {schema}.roster_forget_dead() returns void language sql volatile as $$
    delete from {schema}.roster_dead where life in
        (select d.life from {schema}.roster_dead d where d.at < clock_timestamp() - interval '20 minutes' limit 1000)
$$;
