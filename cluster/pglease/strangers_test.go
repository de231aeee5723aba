package pglease_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// registry is one in a database of its own.
func registry(t testing.TB) (*pglease.Registry, string) {
	t.Helper()
	url := pgtest.Shared(t).Database(t)
	return pglease.New(pglease.Config{DB: pgtest.Open(t, url, pgdb.Config{MaxConns: 2, Timeout: 20 * time.Second})}), url
}

func renew(t *testing.T, r *pglease.Registry, m lease.Member, d time.Duration) lease.View {
	t.Helper()
	v, err := r.Renew(t.Context(), lease.Renewal{Self: m, TTL: d, Join: true})
	if err != nil || v.Standing != lease.Held {
		t.Fatalf("standing %d, %v", v.Standing, err)
	}
	return v
}

// TestStrangers writes all kinds of nonsense where the leases are.
func TestStrangers(t *testing.T) {
	t.Parallel()
	r, url := registry(t)
	a, b := lease.Member{ID: "a", Incarnation: "1"}, lease.Member{ID: "b", Incarnation: "2"}
	renew(t, r, a, time.Minute)
	pgtest.Exec(t, url, `
		update troupe.leases set info = repeat('x', 1000000) where id = 'a';
		insert into troupe.leases (id, incarnation, info, ends) values
			('', '1', '', now()), ('bad!', '!', '', now()), (E'c\n', '1', '', now()), (repeat('i', 300), '1', '', now()),
			('forever', '4', '{', 'infinity'), ('never', '5', '{"address":7}', '-infinity');
		insert into troupe.lease_claims (id, incarnation, info, fence, ends, done) values
			('', '', '', 1, now(), false), ('x', '6', repeat('x', 1000000), 1, now(), false),
			('claimedforever', '8', '', 5, 'infinity', false), ('doneforever', '9', '', -5, 'infinity', true), ('z', '7', '', 1, '-infinity', true);
		insert into troupe.lease_life (life) values (repeat('l', 100000)) on conflict (one) do update set life = excluded.life;
		select setval('troupe.lease_fence', 9000000000000000000)`)
	v := renew(t, r, b, time.Minute)
	if v.Invalid < 9 || len(v.Life[0]) > 128 {
		t.Errorf("%d invalid entries, want all of them counted; a life of %d bytes", v.Invalid, len(v.Life[0]))
	}
	ids := map[string]time.Duration{}
	for _, l := range v.Members {
		ids[l.ID] = l.Until.Sub(v.Now)
	}
	if len(ids) != 3 || ids["forever"] > lease.MaxTTL || ids["never"] >= 0 || ids["b"] < time.Second {
		t.Errorf("members %v, want b, forever and never", ids)
	}
	if len(v.Dead) != 2 || v.Dead[0].Until.Sub(v.Now) > time.Hour || v.Dead[1].Until.Sub(v.Now) > time.Hour {
		t.Errorf("dead %v, want two with bounded claims", v.Dead)
	}
	pgtest.Exec(t, url, `do $$ begin
		if exists (select from troupe.leases where ends > clock_timestamp() + interval '1 minute') or
			exists (select from troupe.lease_claims where ends > clock_timestamp() + interval '1 hour') then raise 'something ends too late'; end if; end $$`)
	// A renewal mends what was said of oneself.
	if v = renew(t, r, a, time.Minute); len(v.Members) != 4 {
		t.Errorf("members %v", v.Members)
	}
	never := lease.Member{ID: "never", Incarnation: "5"}
	fence, err := r.Claim(t.Context(), lease.Claim{Dead: never, By: a, For: time.Minute})
	if err != nil || fence <= 9000000000000000000 {
		t.Errorf("fence %d, %v", fence, err)
	}
	if err := r.Done(t.Context(), never, fence); err != nil {
		t.Error(err)
	}
}

// TestCrowd shows that what is read stays bounded, and the living are not crowded out.
func TestCrowd(t *testing.T) {
	t.Parallel()
	r, url := registry(t)
	pgtest.Exec(t, url, `
		insert into troupe.leases (id, incarnation, info, ends) select 'i' || n, '1', '', 'epoch' from generate_series(1, 10000) n;
		insert into troupe.lease_claims (id, incarnation, info, fence, ends) select 'i' || n, '2', '', 1, 'epoch' from generate_series(1, 10000) n`)
	v := renew(t, r, lease.Member{ID: "a", Incarnation: "1"}, time.Minute)
	if len(v.Members) != 4096 || v.Members[0].ID != "a" || len(v.Dead) != 4096 {
		t.Errorf("%d members, the first %v, %d dead", len(v.Members), v.Members[0].ID, len(v.Dead))
	}
}

// TestRestoredFence takes the sequence back, as a backup that is restored does: fences grow all the same.
func TestRestoredFence(t *testing.T) {
	t.Parallel()
	r, url := registry(t)
	a, x := lease.Member{ID: "a", Incarnation: "1"}, lease.Member{ID: "x", Incarnation: "2"}
	before := uint64(0)
	for range 3 {
		renew(t, r, x, time.Millisecond)
		var fence uint64
		pgtest.Eventually(t, soon, "the claim", func() (err error) {
			renew(t, r, a, time.Minute)
			if fence, err = r.Claim(t.Context(), lease.Claim{Dead: x, By: a, For: time.Minute}); err == nil && fence == 0 {
				err = errors.New("not yet")
			}
			return err
		})
		if fence <= before {
			t.Errorf("fence %d after %d", fence, before)
		}
		before = fence
		empty(t, url, "troupe")
		pgtest.Exec(t, url, `alter sequence troupe.lease_fence restart`)
	}
}

// TestIsolation runs under a server whose default would have a call see what was before it waited for the lock.
func TestIsolation(t *testing.T) {
	t.Parallel()
	r, url := registry(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	pgtest.Exec(t, url, "alter database "+name+" set default_transaction_isolation = 'serializable'")
	strict := pglease.New(pglease.Config{DB: pgtest.Open(t, url, pgdb.Config{MaxConns: 8})})
	var seen [8]int
	done := make(chan error, len(seen))
	renew(t, r, lease.Member{ID: "first", Incarnation: "1"}, time.Minute)
	for i := range seen {
		go func() {
			var err error
			for range 30 {
				var v lease.View
				if v, err = strict.Renew(t.Context(), lease.Renewal{Self: lease.Member{ID: "n", Incarnation: strings.Repeat("n", i+1)}, TTL: time.Minute, Join: true}); err != nil {
					break
				}
				seen[i] = len(v.Members)
			}
			done <- err
		}()
	}
	for range seen {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if v := renew(t, r, lease.Member{ID: "first", Incarnation: "1"}, time.Minute); len(v.Members) != len(seen)+1 {
		t.Errorf("%d members", len(v.Members))
	}
}

// TestMissingTable shows that an error names the call.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	r, url := registry(t)
	pgtest.Exec(t, url, `drop table troupe.leases`)
	m := lease.Member{ID: "a", Incarnation: "1"}
	_, err1 := r.Renew(t.Context(), lease.Renewal{Self: m, TTL: time.Minute})
	_, err2 := r.Claim(t.Context(), lease.Claim{Dead: m, By: m, For: time.Minute})
	pgtest.Exec(t, url, `drop table troupe.lease_claims`)
	for call, err := range map[string]error{"renew": err1, "claim": err2, "leave": r.Leave(t.Context(), m), "done": r.Done(t.Context(), m, 1)} {
		if err == nil || !strings.HasPrefix(err.Error(), "pglease: "+call+": ") || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("%s: %v", call, err)
		}
	}
}
