package redisstore

import (
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// REP-18: what can not be understood is skipped, and told as a gap.
func TestCorruptEntries(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	good := string(topic.AppendEntry(nil, "e", []byte("1")))
	tests := map[string]struct {
		id     string // of the entry that is put in the place of number 3 of 5
		fields []string
		oldest uint64
	}{
		"no fields that we know": {"3-0", []string{"a", "b"}, 4},
		"no time":                {"3-0", []string{"t", "x", "n", "1", "e", good}, 4},
		"negative time":          {"3-0", []string{"t", "-5", "n", "1", "e", good}, 4},
		"no count":               {"3-0", []string{"t", "1", "n", "", "e", good}, 4},
		"count 0":                {"3-0", []string{"t", "1", "n", "0", "e", ""}, 4},
		"too few events":         {"3-0", []string{"t", "1", "n", "2", "e", good}, 4},
		"too many events":        {"3-0", []string{"t", "1", "n", "1", "e", good + good}, 4},
		"more than there can be": {"3-0", []string{"t", "1", "n", "99999999999999999999", "e", good}, 4},
		"nothing":                {"3-0", []string{"t", "1", "n", "1", "e", ""}, 4},
		"half an event":          {"3-0", []string{"t", "1", "n", "1", "e", good[:2]}, 4},
		"endless event":          {"3-0", []string{"t", "1", "n", "1", "e", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}, 4},
		"data that is not JSON":  {"3-0", []string{"t", "1", "n", "1", "e", string(topic.AppendEntry(nil, "e", []byte("{")))}, 4},
		"data that is not UTF-8": {"3-0", []string{"t", "1", "n", "1", "e", string(topic.AppendEntry(nil, "e", []byte("\"\xff\"")))}, 4},
		"name that can not be":   {"3-0", []string{"t", "1", "n", "1", "e", string(topic.AppendEntry(nil, "a\nb", []byte("1")))}, 4},
		"another kind of id":     {"3-7", []string{"t", "1", "n", "1", "e", good}, 4},
		"missing":                {"", nil, 4},
		"beside the others":      {"2-7", []string{"a", "b"}, 4}, // 3 is missing besides
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, server.URL())
			for range 2 {
				put(t, s, "t", event("x"))
			}
			if tt.id != "" {
				add(t, client, s.names.Log("t"), tt.id, tt.fields...)
			}
			if err := client.HSet(t.Context(), s.names.Head("t"), "seq", "3").Err(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				put(t, s, "t", event("x"))
			}
			wantNumbers(t, get(t, s, "t"), 5, tt.oldest, 4, 5)
			wantNumbers(t, getAfter(t, s, "t", 3, plenty), 5, 1, 4, 5)
			wantNumbers(t, getAfter(t, s, "t", 0, topic.Retention{Size: 2}), 5, 4, 4, 5)
			if page, err := s.Read(t.Context(), "t", 0, 2, plenty); err != nil {
				t.Error(err)
			} else {
				wantNumbers(t, page, 5, 1, 1, 2)
			}
			if n := testutil.ToFloat64(s.metrics.corrupt); (n > 0) != (tt.id != "" && tt.id != "2-7") {
				t.Errorf("%v corrupt entries counted", n)
			}
		})
	}
}

func add(t *testing.T, client redis.Cmdable, key, id string, fields ...string) {
	t.Helper()
	if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, ID: id, Values: fields}).Err(); err != nil {
		t.Fatal(err)
	}
}

// Where the end is corrupt nothing is left to deliver.
func TestCorruptEnd(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	put(t, s, "t", events(3)...)
	add(t, server.Client(t), s.names.Log("t"), "9-0", "a", "b") // beyond the head
	wantNumbers(t, get(t, s, "t"), 3, 1, 1, 2, 3)
	if err := server.Client(t).HSet(t.Context(), s.names.Head("t"), "seq", "9").Err(); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, get(t, s, "t"), 9, 10)
	put(t, s, "t", event("next"))
	wantNumbers(t, get(t, s, "t"), 10, 10, 10)
}

// Redis may evict one key and leave the others.
func TestLostKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	tests := map[string]struct {
		key   func(s *Store) string
		check func(t *testing.T, s *Store, before, after topic.Appended)
	}{
		"head": {func(s *Store) string { return s.names.Head("t") }, func(t *testing.T, s *Store, before, after topic.Appended) {
			if after.Epoch == before.Epoch || after.Results[0].Duplicate {
				t.Errorf("%+v follows %+v, want another life", after, before)
			}
			wantNumbers(t, get(t, s, "t"), 2, 1, 1, 2)
		}},
		"log": {func(s *Store) string { return s.names.Log("t") }, func(t *testing.T, s *Store, before, after topic.Appended) {
			if after.Epoch != before.Epoch || !after.Results[0].Duplicate {
				t.Errorf("%+v follows %+v", after, before)
			}
			wantNumbers(t, get(t, s, "t"), 6, 6, 6)
			if page, err := s.Read(t.Context(), "t", 0, 0, plenty); err != nil || page.Oldest != 6 {
				t.Errorf("oldest %d, want 6, %v", page.Oldest, err)
			}
		}},
		"ids": {func(s *Store) string { return s.names.IDs("t", 1) }, func(t *testing.T, s *Store, before, after topic.Appended) {
			if after.Epoch != before.Epoch || after.Results[0].Duplicate {
				t.Errorf("%+v follows %+v", after, before)
			}
			wantNumbers(t, get(t, s, "t"), 7, 1, 1, 2, 3, 4, 5, 6, 7)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, server.URL())
			batch := append([]topic.Entry{{ID: "1", Name: "e", Data: []byte("1")}}, event("x"))
			put(t, s, "t", events(3)...)
			before := put(t, s, "t", batch...)
			if n, err := client.Unlink(t.Context(), tt.key(s)).Result(); err != nil || n != 1 {
				t.Fatal(n, err)
			}
			page, err := s.Read(t.Context(), "t", 0, 0, plenty)
			if err != nil || name == "log" && page.Oldest != 6 {
				t.Errorf("without the key oldest is %d, %v", page.Oldest, err)
			}
			after := put(t, s, "t", batch...)
			if after.Epoch != page.Head.Epoch {
				t.Errorf("epoch %q, Read promised %q", after.Epoch, page.Head.Epoch)
			}
			tt.check(t, s, before, after)
		})
	}
}

// A head that contradicts the log, or makes no sense, begins another life.
func TestDamagedHead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	for field, values := range map[string][]string{
		"seq":   {"2", "", "x", "-1", "1.5", "1e300", "nan", "inf", strconv.Itoa(1 << 60)},
		"epoch": {"", "with space", "\n", string(make([]byte, 65)), "\u00e4"},
	} {
		for _, value := range values {
			t.Run(field+"="+strconv.Quote(value), func(t *testing.T) {
				t.Parallel()
				s := open(t, server.URL())
				before := put(t, s, "t", events(5)...)
				if err := client.HSet(t.Context(), s.names.Head("t"), field, value).Err(); err != nil {
					t.Fatal(err)
				}
				after := put(t, s, "t", event("x"))
				if after.Epoch == before.Epoch || after.Results[0].Seq != 1 {
					t.Errorf("%+v follows %+v", after, before)
				}
				wantNumbers(t, get(t, s, "t"), 1, 1, 1)
			})
		}
	}
}

// Where the head does not say any more what is kept, nothing is.
func TestDamagedBase(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, value := range []string{"", "x", "0", "-1", "7", "1.5", "1e300"} {
		t.Run(strconv.Quote(value), func(t *testing.T) {
			t.Parallel()
			s := open(t, server.URL())
			epoch := put(t, s, "t", events(5)...).Epoch
			if err := server.Client(t).HSet(t.Context(), s.names.Head("t"), "base", value).Err(); err != nil {
				t.Fatal(err)
			}
			wantNumbers(t, get(t, s, "t"), 5, 6)
			if after := put(t, s, "t", event("x")); after.Epoch != epoch {
				t.Errorf("epoch %q became %q", epoch, after.Epoch)
			}
			wantNumbers(t, get(t, s, "t"), 6, 6, 6)
		})
	}
}

// Much is read in parts, so that Redis serves others between them.
func TestReadIsCut(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	large := event(strings.Repeat("x", 300_000))
	for range 20 {
		put(t, s, "t", large)
	}
	p := get(t, s, "t")
	if len(p.Records) != 20 || p.Records[19].Seq != 20 || string(p.Records[19].Data) != string(large.Data) {
		t.Errorf("%d records", len(p.Records))
	}
	if n := testutil.ToFloat64(s.metrics.calls[callRead][outcomeOK]); n < 3 || n > 8 {
		t.Errorf("6 MB took %v calls", n)
	}
}
