package redislease_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/redislease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// registry is one on a server of its own.
func registry(t *testing.T, args ...string) (*redislease.Registry, *redisconn.Conn) {
	t.Helper()
	conn := open(t, redisconn.Config{URL: redistest.Start(t, args...).URL()})
	return redislease.New(redislease.Config{Conn: conn}), conn
}

func renew(t *testing.T, r *redislease.Registry, m lease.Member, d time.Duration) lease.View {
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
	r, conn := registry(t)
	names, c := conn.Names(), conn.Client()
	a, b := lease.Member{ID: "a", Incarnation: "1"}, lease.Member{ID: "b", Incarnation: "2"}
	renew(t, r, a, time.Minute)
	huge := strings.Repeat("x", 1<<20)
	claims := names.NodeKey("claims")
	for _, err := range []error{
		c.ZAdd(t.Context(), names.Nodes(), redis.Z{Member: ""}, redis.Z{Member: "nospace", Score: 9e15}, redis.Z{Member: huge, Score: 1},
			redis.Z{Member: "bad! id", Score: 1}, redis.Z{Member: "3 \xff\xfe", Score: 1}).Err(),
		c.Do(t.Context(), "ZADD", names.Nodes(), "+inf", "4 forever", "-inf", "5 never").Err(),
		c.HSet(t.Context(), names.NodeInfo(), "1 a", huge, "4 forever", "{", "5 never", `{"address":7}`).Err(),
		c.HSet(t.Context(), claims, "1 a", "junk", "2 b", huge, "6 x", "1 99999999999999999999 c ", "7 y", "1 1 z ",
			huge, "1 1 c ", "8 claimedforever", "5 8999999999999999 c 1 a", "9 doneforever", "5 8999999999999999 d").Err(),
		c.Set(t.Context(), names.NodeKey("fence"), "1e300", 0).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	v := renew(t, r, b, time.Minute)
	if v.Invalid < 8 {
		t.Errorf("%d invalid entries, want all of them counted", v.Invalid)
	}
	ids := map[string]time.Duration{}
	for _, l := range v.Members {
		ids[l.ID] = l.Until.Sub(v.Now)
	}
	if len(ids) != 4 || ids["forever"] > lease.MaxTTL || ids["never"] >= 0 || ids["b"] < time.Second {
		t.Errorf("members %v, want a, b, forever and never", ids)
	}
	if len(v.Dead) != 2 || v.Dead[0].Until.Sub(v.Now) > time.Hour || v.Dead[1].Until.Sub(v.Now) > time.Hour {
		t.Errorf("dead %v, want two with bounded claims", v.Dead)
	}
	// A claim that is nonsense claims nobody, and a fence that is, is replaced.
	v = renew(t, r, a, time.Minute)
	if len(v.Members) != 4 {
		t.Errorf("members %v", v.Members)
	}
	fence, err := r.Claim(t.Context(), lease.Claim{Dead: lease.Member{ID: "never", Incarnation: "5"}, By: a, For: time.Minute})
	if err != nil || fence < uint64(time.Now().Add(-time.Hour).UnixMilli()) {
		t.Errorf("fence %d, %v", fence, err)
	}
	if err := r.Done(t.Context(), lease.Member{ID: "never", Incarnation: "5"}, fence); err != nil {
		t.Error(err)
	}
}

// TestCrowd shows that what is read stays bounded, and the living are not crowded out.
func TestCrowd(t *testing.T) {
	t.Parallel()
	r, conn := registry(t)
	var crowd []redis.Z
	dead := map[string]any{}
	for i := range 10000 {
		id := strings.Repeat("i", 1+i%100) + strings.Repeat("j", i/100)
		crowd = append(crowd, redis.Z{Member: "1 " + id, Score: 5})
		dead["2 "+id] = "1 1 c "
	}
	if err := conn.Client().ZAdd(t.Context(), conn.Names().Nodes(), crowd...).Err(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Client().HSet(t.Context(), conn.Names().NodeKey("claims"), dead).Err(); err != nil {
		t.Fatal(err)
	}
	v := renew(t, r, lease.Member{ID: "a", Incarnation: "1"}, time.Minute)
	if len(v.Members) != 4096 || v.Members[0].ID != "a" || len(v.Dead) != 4096 {
		t.Errorf("%d members, the first %v, %d dead", len(v.Members), v.Members[0].ID, len(v.Dead))
	}
}

// TestOutOfMemory renews, claims and leaves while Redis refuses writes.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	r, conn := registry(t)
	a, x := lease.Member{ID: "a", Incarnation: "1"}, lease.Member{ID: "x", Incarnation: "2"}
	if err := conn.Client().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Client().Set(t.Context(), "k", "v", 0).Err(); !redis.HasErrorPrefix(err, "OOM") {
		t.Fatalf("a write: %v, want it refused", err)
	}
	renew(t, r, x, time.Millisecond)
	var fence uint64
	redistest.Eventually(t, soon, "the claim", func() error {
		renew(t, r, a, time.Minute)
		var err error
		fence, err = r.Claim(t.Context(), lease.Claim{Dead: x, By: a, For: time.Minute})
		if err == nil && fence == 0 {
			err = errors.New("not yet")
		}
		return err
	})
	if err := errors.Join(r.Done(t.Context(), x, fence), r.Leave(t.Context(), a)); err != nil {
		t.Error(err)
	}
}

// TestWrongType shows that a key of another kind is an error that names the call.
func TestWrongType(t *testing.T) {
	t.Parallel()
	r, conn := registry(t)
	if err := conn.Client().Set(t.Context(), conn.Names().Nodes(), "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	m := lease.Member{ID: "a", Incarnation: "1"}
	_, err1 := r.Renew(t.Context(), lease.Renewal{Self: m, TTL: time.Minute})
	_, err2 := r.Claim(t.Context(), lease.Claim{Dead: m, By: m, For: time.Minute})
	for call, err := range map[string]error{"renew": err1, "claim": err2, "leave": r.Leave(t.Context(), m)} {
		if err == nil || !strings.HasPrefix(err.Error(), "redislease: "+call+": ") || !strings.Contains(err.Error(), "WRONGTYPE") {
			t.Errorf("%s: %v", call, err)
		}
	}
}
