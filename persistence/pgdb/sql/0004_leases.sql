-- Leases of nodes: see cluster/pglease. They are logged, and so outlive a crash of the server, however long it lasts. Only a
-- claim waits for the disk: if the last of what else was done is lost, leases end a second earlier, nodes join, leave, or clean up
-- once more.

create table {schema}.leases (
    id          text collate "C" not null,
    incarnation text collate "C" not null,
    info        text             not null, -- JSON: what the node says of itself
    ends        timestamptz      not null,
    primary key (id, incarnation)
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

create table {schema}.lease_claims (
    id             text collate "C" not null, -- who is dead
    incarnation    text collate "C" not null,
    info           text             not null,
    fence          bigint           not null, -- of the newest claim; 0: nobody has it
    ends           timestamptz      not null, -- of the newest claim, or when it was done
    done           boolean          not null default false,
    by_id          text collate "C" not null default '',
    by_incarnation text collate "C" not null default '',
    primary key (id, incarnation)
);

create table {schema}.lease_life (
    one  boolean primary key default true check (one),
    life text    not null
);

-- A crash takes this with it, as all other unlogged tables, and so does a standby that takes over.
create unlogged table {schema}.lease_unlogged_life (
    one  boolean primary key default true check (one),
    life text not null
);

create sequence {schema}.lease_fence;

-- lease_lock makes each call one step, and returns the time at which it has the lock. Unless it is to last, nobody waits until
-- it is on disk.
create function {schema}.lease_lock(lock bigint, lasting boolean) returns timestamptz language plpgsql volatile as $$
begin
    if pg_is_in_recovery() then
        raise 'this server is a standby' using errcode = 'read_only_sql_transaction';
    end if;
    if not lasting then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    perform pg_advisory_xact_lock(lock);
    return clock_timestamp();
end $$;

-- lease_tidy shortens what ends too late, as after a clock that was set back. It is called by whoever was told of it.
create function {schema}.lease_tidy(lock bigint) returns void language plpgsql volatile as $$
declare
    now_ timestamptz := {schema}.lease_lock(lock, false);
begin
    update {schema}.leases set ends = now_ + interval '1 minute' where ends > now_ + interval '1 minute';
    update {schema}.lease_claims set ends = case when done then now_ else now_ + interval '1 hour' end
     where ends > now_ + interval '1 hour';
end $$;

-- lease_write_back restores what a node knows after the tables were emptied: leases of those of whom nothing is known,
-- and deaths.
create function {schema}.lease_write_back(now_ timestamptz, ttl interval, ids text[], incarnations text[], infos text[], dead boolean[])
returns void language plpgsql volatile as $$
begin
    insert into {schema}.lease_claims (id, incarnation, info, fence, ends)
    select u.id, u.incarnation, u.info, 0, now_
      from unnest(ids, incarnations, infos, dead) as u(id, incarnation, info, dead)
     where u.dead
        on conflict do nothing;
    delete from {schema}.leases l using unnest(ids, incarnations, dead) as u(id, incarnation, dead)
     where u.dead and l.id = u.id and l.incarnation = u.incarnation;
    insert into {schema}.leases (id, incarnation, info, ends)
    select u.id, u.incarnation, u.info, now_ + ttl
      from unnest(ids, incarnations, infos, dead) as u(id, incarnation, info, dead)
     where not u.dead and not exists (
           select from {schema}.lease_claims c where c.id = u.id and c.incarnation = u.incarnation)
        on conflict do nothing;
end $$;

-- lease_renew renews a lease and answers all there is to know. The first row has what 'view': the life as id, the
-- standing as incarnation (0 held, 1 absent, 2 claimed), how many entries were too large as info, the time, and whether
-- lease_tidy is to be called. The second is the life of unlogged tables. Then come those with a lease and the dead; at most 4096 of each, the living first.
--
-- While somebody keeps a transaction open for long, as a backup does, no version of a row goes away, and each renewal
-- adds one. So leases are read once, and not more.
create function {schema}.lease_renew(lock bigint, self_id text, self_incarnation text, self_info text, ttl interval, join_ boolean,
    fresh_life text, ids text[], incarnations text[], infos text[], dead boolean[])
returns table (what text, id text, incarnation text, info text, ends timestamptz, done boolean) language plpgsql volatile as $$
declare
    now_     timestamptz := {schema}.lease_lock(lock, false);
    standing text := '0';
    life_    text;
    unlogged text;
begin
    delete from {schema}.lease_claims c where c.done and c.ends < now_ - interval '10 minutes';
    if exists (select from {schema}.lease_claims c where c.id = self_id and c.incarnation = self_incarnation) then
        standing := '2';
    else
        update {schema}.leases l set info = self_info, ends = now_ + ttl
         where l.id = self_id and l.incarnation = self_incarnation;
        if not found and join_ then
            insert into {schema}.leases (id, incarnation, info, ends) values (self_id, self_incarnation, self_info, now_ + ttl);
        elsif not found then
            standing := '1';
        end if;
    end if;
    if cardinality(ids) > 0 then
        perform {schema}.lease_write_back(now_, ttl, ids, incarnations, infos, dead);
    end if;
    select l.life into life_ from {schema}.lease_life l;
    if not found then
        insert into {schema}.lease_life (life) values (fresh_life);
        life_ := fresh_life;
    end if;
    select l.life into unlogged from {schema}.lease_unlogged_life l;
    if not found then
        insert into {schema}.lease_unlogged_life (life) values (fresh_life);
        unlogged := fresh_life;
    end if;

    -- Anyone who may write here may have written anything.
    return query
    with held as materialized (
        select l.id, l.incarnation, l.info, l.ends, octet_length(l.id) + octet_length(l.incarnation) + octet_length(l.info) > 8192 as large
          from {schema}.leases l
    ), died as materialized (
        select c.id, c.incarnation, c.info, c.ends, c.done, octet_length(c.id) + octet_length(c.incarnation) + octet_length(c.info) > 8192 as large
          from {schema}.lease_claims c
    )
    select 'view', left(life_, 128), standing,
           ((select count(*) from held h where h.large) + (select count(*) from died d where d.large))::text, now_,
           exists (select from held h where h.ends > now_ + interval '1 minute') or exists (select from died d where d.ends > now_ + interval '1 hour')
    union all
    select 'life', left(unlogged, 128), '', '', now_, false
    union all
    (select 'lease', h.id, h.incarnation, h.info, least(greatest(h.ends, 'epoch'), now_ + interval '1 minute'), false from held h
      where not h.large order by h.ends desc limit 4096)
    union all
    (select 'dead', d.id, d.incarnation, d.info, least(greatest(d.ends, 'epoch'), now_ + interval '1 hour'), d.done from died d
      where not d.large order by d.done, d.ends desc limit 4096);
end $$;

-- lease_claim answers the fence of the claim, 0 if it is not to be had.
create function {schema}.lease_claim(lock bigint, dead_id text, dead_incarnation text, by_id_ text, by_incarnation_ text, lasts interval)
returns bigint language plpgsql volatile as $$
declare
    now_   timestamptz := {schema}.lease_lock(lock, true);
    floor_ bigint := (extract(epoch from now_) * 1000)::bigint;
    info_  text;
    claim  {schema}.lease_claims;
    fence_ bigint;
begin
    perform from {schema}.leases l where l.id = by_id_ and l.incarnation = by_incarnation_ and l.ends > now_;
    if not found then
        return 0;
    end if;
    select * into claim from {schema}.lease_claims c where c.id = dead_id and c.incarnation = dead_incarnation;
    if found then
        if claim.done or claim.ends > now_ then
            return 0;
        end if;
        info_ := claim.info;
    else
        select l.info into info_ from {schema}.leases l where l.id = dead_id and l.incarnation = dead_incarnation and l.ends <= now_;
        if not found then
            return 0;
        end if;
    end if;
    -- The sequence survives a crash. Where it was lost all the same, as with a backup that was restored, fences still
    -- grow: none is smaller than the time.
    fence_ := nextval('{schema}.lease_fence');
    if fence_ < floor_ then
        fence_ := setval('{schema}.lease_fence', floor_);
    end if;
    delete from {schema}.leases l where l.id = dead_id and l.incarnation = dead_incarnation;
    insert into {schema}.lease_claims as c (id, incarnation, info, fence, ends, by_id, by_incarnation)
    values (dead_id, dead_incarnation, info_, fence_, now_ + lasts, by_id_, by_incarnation_)
        on conflict (id, incarnation) do update
       set fence = excluded.fence, ends = excluded.ends, by_id = excluded.by_id, by_incarnation = excluded.by_incarnation;
    return fence_;
end $$;

-- lease_done answers whether the claim with this fence was the newest one.
create function {schema}.lease_done(lock bigint, dead_id text, dead_incarnation text, fence_ bigint)
returns boolean language plpgsql volatile as $$
declare
    now_ timestamptz := {schema}.lease_lock(lock, false);
begin
    update {schema}.lease_claims c set done = true, ends = now_, info = ''
     where c.id = dead_id and c.incarnation = dead_incarnation and c.fence = fence_ and not c.done;
    return found;
end $$;

-- lease_leave ends a lease and gives the claims of its holder back.
create function {schema}.lease_leave(lock bigint, self_id text, self_incarnation text)
returns void language plpgsql volatile as $$
declare
    now_ timestamptz := {schema}.lease_lock(lock, false);
begin
    delete from {schema}.leases l where l.id = self_id and l.incarnation = self_incarnation;
    update {schema}.lease_claims c set ends = now_, fence = 0
     where c.by_id = self_id and c.by_incarnation = self_incarnation and not c.done and c.ends > now_;
end $$;
