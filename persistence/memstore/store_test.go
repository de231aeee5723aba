package memstore

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var plenty = topic.Retention{Size: 1000, Dedup: time.Minute}

func put(t testing.TB, s *Store, name string, batch ...topic.Entry) topic.Appended {
	t.Helper()
	a, err := s.Append(context.Background(), name, batch, plenty)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t testing.TB, s *Store, name string) topic.Page {
	t.Helper()
	p, err := s.Read(context.Background(), name, 0, 1000, plenty)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sized(n int) topic.Entry { return topic.Entry{Name: "e", Data: make([]byte, n)} }

// kept tells which of the topics still have what was appended to them.
func kept(t testing.TB, s *Store, names ...string) string {
	t.Helper()
	var all string
	for _, name := range names {
		sh, _ := s.shard(name)
		if sh.topics[name] != nil {
			all += name
		}
	}
	return all
}

func TestEvictsLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg  Config
		use  func(s *Store)
		want string
	}{
		"by topics":             {Config{MaxTopics: 3}, func(*Store) {}, "cde"},
		"by bytes":              {Config{MaxBytes: 3 * 1500}, func(*Store) {}, "cde"},
		"a read is a use":       {Config{MaxTopics: 3}, func(s *Store) { get(t, s, "a") }, "ade"},
		"an append is a use":    {Config{MaxTopics: 3}, func(s *Store) { put(t, s, "b", sized(1)) }, "bde"},
		"what fits is not lost": {Config{MaxBytes: 5 * 1500, MaxTopics: 5}, func(*Store) {}, "abcde"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(tt.cfg)
			for _, name := range []string{"a", "b", "c"} {
				put(t, s, name, sized(1000))
			}
			tt.use(s)
			put(t, s, "d", sized(1000))
			put(t, s, "e", sized(1000))
			if got := kept(t, s, "a", "b", "c", "d", "e"); got != tt.want {
				t.Errorf("kept %q, want %q", got, tt.want)
			}
			if s.Topics() != len(tt.want) {
				t.Errorf("%d topics, want %d", s.Topics(), len(tt.want))
			}
		})
	}
}

func TestEvictionChangesEpoch(t *testing.T) {
	t.Parallel()
	s := New(Config{MaxTopics: 1})
	lives := make(map[string]bool)
	for range 5 {
		before := get(t, s, "a").Head
		a := put(t, s, "a", sized(1))
		if before.Seq != 0 || before.Epoch != a.Epoch {
			t.Errorf("stood at %v, then began with epoch %q", before, a.Epoch)
		}
		if lives[a.Epoch] {
			t.Errorf("epoch %q came back", a.Epoch)
		}
		lives[a.Epoch] = true
		put(t, s, "b", sized(1)) // evicts a
	}
}

func TestStoresHaveDifferentEpochs(t *testing.T) {
	t.Parallel()
	if a, b := New(Config{}), New(Config{}); get(t, a, "t").Head == get(t, b, "t").Head {
		t.Error("a restart would not be noticed")
	}
}

func TestLoneTopicLosesOldest(t *testing.T) {
	t.Parallel()
	const most = 10_000
	s := New(Config{MaxBytes: most})
	epoch := get(t, s, "t").Head.Epoch
	for i := range 50 {
		a := put(t, s, "t", sized(1000), topic.Entry{ID: strconv.Itoa(i), Name: "e"})
		if a.Epoch != epoch || s.Bytes() > most {
			t.Fatalf("after %d: epoch %q, %d bytes", i, a.Epoch, s.Bytes())
		}
	}
	p := get(t, s, "t")
	if len(p.Records) < 5 || p.Head.Seq != 100 {
		t.Errorf("%d records, head %d", len(p.Records), p.Head.Seq)
	}
	put(t, s, "t", sized(2*most))
	if p := get(t, s, "t"); p.Oldest != 101 || p.Head.Seq != 101 {
		t.Errorf("oldest %d, head %d; want only the newest event, 101", p.Oldest, p.Head.Seq)
	}
}

// Identifiers count too: a flood of them does not grow without bound.
func TestIdentifiersAreBounded(t *testing.T) {
	t.Parallel()
	const most = 100_000
	s := New(Config{MaxBytes: most})
	for i := range 5000 {
		put(t, s, "t", topic.Entry{ID: "some longer identifier " + strconv.Itoa(i), Name: "e"})
	}
	if s.Bytes() > most {
		t.Errorf("%d bytes, want at most %d", s.Bytes(), most)
	}
	if a := put(t, s, "t", topic.Entry{ID: "some longer identifier 4999"}); !a.Results[0].Duplicate {
		t.Error("the newest identifier was forgotten")
	}
}

// What nobody asks for any more goes before topics that still have something to tell.
func TestExpiredGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{MaxBytes: 3000})
		aging := topic.Retention{Size: 10, TTL: time.Second}
		if _, err := s.Append(t.Context(), "a", []topic.Entry{sized(1000)}, aging); err != nil {
			t.Fatal(err)
		}
		epoch := put(t, s, "b", sized(1000)).Epoch
		time.Sleep(time.Minute)
		put(t, s, "c", sized(1000))
		if got := kept(t, s, "a", "b", "c"); got != "abc" {
			t.Errorf("kept %q, want all: the expired record was enough", got)
		}
		if p := get(t, s, "a"); p.Head.Seq != 1 || len(p.Records) != 0 || p.Head.Epoch != epoch {
			t.Errorf("a stands at %v with %d records", p.Head, len(p.Records))
		}
	})
}

func TestUnknownTopicCostsNothing(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	put(t, s, "other", sized(1))
	before := s.Bytes()
	for i := range 1000 {
		name := fmt.Sprint("t", i)
		first, again := get(t, s, name).Head, get(t, s, name).Head
		if first != again || first.Seq != 0 {
			t.Fatalf("topic %s stood at %v and then at %v", name, first, again)
		}
		if i%100 == 0 {
			if a := put(t, s, "new"+name, sized(1)); a.Epoch == "" {
				t.Fatal("no epoch")
			}
		}
		if _, err := s.Append(t.Context(), name, nil, plenty); err != nil {
			t.Fatal(err)
		}
	}
	if s.Topics() != 11 || s.Bytes() > before+10*1000 {
		t.Errorf("%d topics, %d bytes more", s.Topics(), s.Bytes()-before)
	}
	if a := put(t, s, "t7", sized(1)); a.Epoch != get(t, s, "t8").Head.Epoch {
		t.Error("the first event has an epoch that Read had not promised")
	}
}

// A reader of ten records pays for ten in memory, whatever is kept. Of time see REP-28
// in storetest.
func TestReadCostsWhatItReturns(t *testing.T) {
	s := New(Config{})
	keep := topic.Retention{Size: 100_000}
	for range 100 {
		batch := make([]topic.Entry, 1000)
		if _, err := s.Append(t.Context(), "t", batch, keep); err != nil {
			t.Fatal(err)
		}
	}
	var p topic.Page
	allocs := testing.AllocsPerRun(100, func() {
		var err error
		if p, err = s.Read(context.Background(), "t", 99_990, 100_000, keep); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 || cap(p.Records) != 10 {
		t.Errorf("10 records of 100,000 cost %v allocations, of %d records", allocs, cap(p.Records))
	}
}

func TestDroppedRecordsAreFreed(t *testing.T) {
	s := New(Config{})
	var data []weak.Pointer[[64]byte]
	keep := topic.Retention{Size: 3}
	for range 10 {
		d := new([64]byte)
		data = append(data, weak.Make(d))
		if _, err := s.Append(t.Context(), "t", []topic.Entry{{Data: d[:]}}, keep); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	for i, d := range data {
		if alive, want := d.Value() != nil, i >= 7; alive != want {
			t.Errorf("record %d is in memory: %t, want %t", i+1, alive, want)
		}
	}
	runtime.KeepAlive(s)
}

// Slots and index follow what is in them down again.
func TestBurstIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		keep := topic.Retention{Size: 10_000, TTL: time.Minute, Dedup: time.Minute}
		for i := range 10_000 {
			e := []topic.Entry{{ID: strconv.Itoa(i)}}
			if _, err := s.Append(t.Context(), "t", e, keep); err != nil {
				t.Fatal(err)
			}
		}
		sh, _ := s.shard("t")
		h := sh.topics["t"]
		if len(h.seen.index) != 10_000 || len(h.records.slots) != 10_000 {
			t.Fatalf("%d identifiers, %d slots", len(h.seen.index), len(h.records.slots))
		}
		time.Sleep(2 * time.Minute)
		if _, err := s.Read(t.Context(), "t", 0, 0, keep); err != nil {
			t.Fatal(err)
		}
		if len(h.records.slots) > minSlots || h.seen != nil {
			t.Errorf("%d slots left; identifiers left: %t", len(h.records.slots), h.seen != nil)
		}
	})
}

// Beside each other, appends, reads, clears and evictions keep the books right.
func TestBooksBalance(t *testing.T) {
	t.Parallel()
	s := New(Config{MaxBytes: 100_000, MaxTopics: 50})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				name := strconv.Itoa((i*7 + g*13) % 90)
				put(t, s, name, topic.Entry{ID: strconv.Itoa(i % 5), Data: make([]byte, i)}, sized(i))
				if _, err := s.Read(t.Context(), name, 0, 1, topic.Retention{Size: 1 + i%3}); err != nil {
					t.Error(err)
				}
				if i%11 == 0 {
					if err := s.Clear(t.Context(), name); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	put(t, s, "last", sized(1))
	var bytes int64
	var topics, linked int
	for i := range s.shards {
		sh := &s.shards[i]
		for _, h := range sh.topics {
			bytes += h.cost()
			topics++
		}
		for h := sh.newest; h != nil; h = h.older {
			linked++
		}
	}
	if bytes != s.Bytes() || topics != s.Topics() || linked != topics {
		t.Errorf("books say %d bytes, %d topics; there are %d, %d (%d linked)", s.Bytes(), s.Topics(), bytes, topics, linked)
	}
	if s.Bytes() > 100_000 || s.Topics() > 50 {
		t.Errorf("%d bytes, %d topics: more than allowed", s.Bytes(), s.Topics())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	s := New(Config{MaxTopics: 2, Registerer: reg})
	for i := range 5 {
		put(t, s, strconv.Itoa(i), sized(1))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	want := map[string]float64{
		"troupe_memstore_topics":          2,
		"troupe_memstore_bytes":           float64(s.Bytes()),
		"troupe_memstore_evictions_total": 3,
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s = %v, want %v", name, got[name], v)
		}
	}
}
