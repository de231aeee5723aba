-- Cursors and limits: see persistence/pgstore. All of it is unlogged: it is worth less than the disk's time, and empty after
-- a crash of the server. Rows are dropped by tasks when they are gone. That column moves in leaps, so that most updates
-- touch no index.

create unlogged table {schema}.cursors (
    topic  text collate "C" not null,
    key    bytea            not null check (octet_length(key) between 1 and 256),
    number bigint           not null check (number between 1 and 9007199254740991),
    life   text             not null,
    owner  bytea            not null, -- JSON, kept byte for byte
    data   bytea            not null,
    until  timestamptz      not null,
    gone   timestamptz      not null,
    primary key (topic, key)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index on {schema}.cursors (gone);

-- The last call of cursors_save that a writer made. One that was given up and comes late carries a smaller number.
create unlogged table {schema}.cursor_writers (
    topic  text collate "C" not null,
    writer text collate "C" not null,
    number bigint           not null,
    gone   timestamptz      not null,
    primary key (topic, writer)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index on {schema}.cursor_writers (gone);

-- cursors_save keeps entries with higher numbers than are known. Data that is null removes. The lock is the topic's, so
-- that calls of several nodes do not wait for each other crosswise.
create function {schema}.cursors_save(lock bigint, topic_ text, writer_ text, call bigint, life_ text, ttl interval,
    keys bytea[], numbers bigint[], owners bytea[], datas bytea[])
returns boolean language plpgsql volatile as $$
declare
    now_  timestamptz;
    -- A call that was given up comes late after minutes at most.
    after interval := interval '10 minutes';
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    perform pg_advisory_xact_lock(lock);
    now_ := clock_timestamp();
    insert into {schema}.cursor_writers as w (topic, writer, number, gone)
    values (topic_, writer_, call, now_ + after + interval '1 minute')
        on conflict (topic, writer) do update
       set number = excluded.number, gone = case when w.gone < now_ + after then excluded.gone else w.gone end
     where w.number < excluded.number;
    if not found then
        return false;
    end if;
    -- However old the planner's idea of the table, it looks up key by key.
    delete from {schema}.cursors where ctid = any(array(
        select c.ctid from unnest(keys, numbers, datas) as u(key, number, data) cross join lateral (
               select x.ctid, x.number, x.until from {schema}.cursors x where x.topic = topic_ and x.key = u.key offset 0) as c
         where u.data is null and (c.number < u.number or c.until <= now_)));
    insert into {schema}.cursors as c (topic, key, number, life, owner, data, until, gone)
    select topic_, u.key, u.number, life_, u.owner, u.data, now_ + ttl, now_ + ttl + interval '1 minute'
      from unnest(keys, numbers, owners, datas) as u(key, number, owner, data)
     where u.data is not null
        on conflict (topic, key) do update
       set number = excluded.number, life = excluded.life, owner = excluded.owner, data = excluded.data, until = excluded.until,
           gone = case when c.gone < excluded.until then excluded.gone else c.gone end
     where c.number < excluded.number or c.until <= now_;
    return true;
end $$;

create unlogged table {schema}.limits (
    policy text collate "C" not null,
    key    bytea            not null,
    state  text             not null, -- a ratelimit.Meter: see pgstore
    gone   timestamptz      not null, -- by then it says nothing any more
    primary key (policy, key)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index on {schema}.limits (gone);

-- limits_lock takes the lock of a limit and returns the time at which it has it, in microseconds. A node that stops while
-- it has the lock keeps others waiting for a second.
create function {schema}.limits_lock(lock bigint) returns bigint language plpgsql volatile as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    perform pg_advisory_xact_lock(lock), set_config('idle_in_transaction_session_timeout', '1s', true);
    return (extract(epoch from clock_timestamp()) * 1000000)::bigint;
end $$;
