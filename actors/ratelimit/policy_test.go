package ratelimit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

func TestPolicyFaults(t *testing.T) {
	t.Parallel()
	good := ratelimit.Policy{Name: "chat", Points: 10, Interval: time.Second}
	for name, tt := range map[string]struct {
		change func(p *ratelimit.Policy)
		want   string // how the only fault begins; "" for none
	}{
		"good": {func(*ratelimit.Policy) {}, ""},
		"all": {func(p *ratelimit.Policy) {
			p.Kind, p.Block, p.By, p.Lease = ratelimit.Sliding, time.Hour, ratelimit.ByIdentity, 5
		}, ""},
		"large":         {func(p *ratelimit.Policy) { p.Points, p.Interval = ratelimit.MaxPoints, time.Hour }, ""},
		"large and odd": {func(p *ratelimit.Policy) { p.Points, p.Interval = 1_009, ratelimit.MaxInterval }, ""},
		"too odd": {func(p *ratelimit.Policy) {
			p.Points, p.Interval = ratelimit.MaxPoints-1, ratelimit.MaxInterval-time.Microsecond
		}, "points: "},
		"odd, but a window": {func(p *ratelimit.Policy) {
			p.Kind, p.Points, p.Interval = ratelimit.Fixed, ratelimit.MaxPoints-1, ratelimit.MaxInterval-time.Microsecond
		}, ""},
		"no name":             {func(p *ratelimit.Policy) { p.Name = "" }, "name: "},
		"a name with spaces":  {func(p *ratelimit.Policy) { p.Name = "a b" }, "name: "},
		"a long name":         {func(p *ratelimit.Policy) { p.Name = strings.Repeat("a", 65) }, "name: "},
		"a kind that is none": {func(p *ratelimit.Policy) { p.Kind = 3 }, "kind: "},
		"no points":           {func(p *ratelimit.Policy) { p.Points = 0 }, "points: "},
		"too many points":     {func(p *ratelimit.Policy) { p.Points = ratelimit.MaxPoints + 1 }, "points: "},
		"no interval":         {func(p *ratelimit.Policy) { p.Interval = 0 }, "interval: "},
		"a short interval":    {func(p *ratelimit.Policy) { p.Interval = time.Microsecond }, "interval: "},
		"a long interval":     {func(p *ratelimit.Policy) { p.Interval = ratelimit.MaxInterval + time.Second }, "interval: "},
		"nanoseconds":         {func(p *ratelimit.Policy) { p.Interval = time.Second + 1 }, "interval: "},
		"a negative block":    {func(p *ratelimit.Policy) { p.Block = -1 }, "block: "},
		"a long block":        {func(p *ratelimit.Policy) { p.Block = ratelimit.MaxBlock + 1 }, "block: "},
		"a key that is none":  {func(p *ratelimit.Policy) { p.By = 3 }, "key: "},
		"a negative lease":    {func(p *ratelimit.Policy) { p.Lease = -1 }, "lease: "},
		"a large lease":       {func(p *ratelimit.Policy) { p.Lease = 6 }, "lease: "},
		"a lease too short":   {func(p *ratelimit.Policy) { p.Lease, p.Interval = 1, 50*time.Millisecond }, "lease: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good
			tt.change(&p)
			faults := p.WithDefaults().Faults()
			if tt.want == "" && len(faults) > 0 || tt.want != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), tt.want)) {
				t.Errorf("%v, want %q", faults, tt.want)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]ratelimit.Kind{"bucket": ratelimit.Bucket, "fixed": ratelimit.Fixed, "sliding": ratelimit.Sliding} {
		var got ratelimit.Kind
		if err := got.UnmarshalText([]byte(text)); err != nil || got != kind || kind.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, by := range map[string]ratelimit.By{"connection": ratelimit.ByConnection, "address": ratelimit.ByAddress, "identity": ratelimit.ByIdentity} {
		var got ratelimit.By
		if err := got.UnmarshalText([]byte(text)); err != nil || got != by || by.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	var kind ratelimit.Kind
	var by ratelimit.By
	if kind.UnmarshalText([]byte("Bucket")) == nil || by.UnmarshalText(nil) == nil {
		t.Error("a word that is none is taken")
	}
}

// No two clients share a key that should not, and every client has a key that Consume takes.
func TestKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	seen := map[string]string{}
	for name, tt := range map[string]struct {
		by   ratelimit.By
		c    ratelimit.Client
		want string
	}{
		"connection":         {ratelimit.ByConnection, ratelimit.Client{Connection: "c1", Address: "a", Identity: "i"}, "connection:c1"},
		"address":            {ratelimit.ByAddress, ratelimit.Client{Connection: "c1", Address: "::1", Identity: "i"}, "address:::1"},
		"identity":           {ratelimit.ByIdentity, ratelimit.Client{Connection: "c1", Address: "a", Identity: "i"}, "identity:i"},
		"like an address":    {ratelimit.ByIdentity, ratelimit.Client{Address: "a", Identity: "address:::1"}, "identity:address:::1"},
		"anonymous":          {ratelimit.ByIdentity, ratelimit.Client{Connection: "c1", Address: "b"}, "address:b"},
		"no address":         {ratelimit.ByAddress, ratelimit.Client{Connection: "c1"}, "address:unknown"},
		"no connection":      {ratelimit.ByConnection, ratelimit.Client{}, "connection:unknown"},
		"long":               {ratelimit.ByIdentity, ratelimit.Client{Identity: long}, ""},
		"long and another":   {ratelimit.ByIdentity, ratelimit.Client{Identity: long + "y"}, ""},
		"long as an address": {ratelimit.ByAddress, ratelimit.Client{Address: long}, ""},
	} {
		key := ratelimit.Policy{By: tt.by}.Key(tt.c)
		if tt.want != "" && key != tt.want || len(key) > 512 || key == "" {
			t.Errorf("%s: %q, want %q", name, key, tt.want)
		}
		if other, twice := seen[key]; twice {
			t.Errorf("%s and %s share %q", name, other, key)
		}
		seen[key] = name
	}
}

func TestStartSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.Start(ratelimit.Config{Timeout: -1, Policies: []ratelimit.Policy{
		{Name: "a", Points: 1, Interval: time.Second}, {Name: "a", Interval: time.Second}}})
	for _, part := range []string{"system is required", "store is required", "timeout must", `limits[1] (name "a"): points:`, "there twice"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v: want %q", err, part)
		}
	}
	if fault, ok := errors.AsType[*ratelimit.PolicyError](err); !ok || fault.Index != 1 || fault.Name != "a" {
		t.Errorf("%+v", fault)
	}
	l := start(t, ratelimit.Config{System: actors.NewSystem(actors.Config{}), Store: memstore.NewLimits(0), Policies: policies(limit(ratelimit.Fixed, 1, time.Hour))})
	if p, ok := l.Policy("limit"); !ok || p.Points != 1 {
		t.Errorf("%+v, %t", p, ok)
	}
	if _, ok := l.Policy("other"); ok {
		t.Error("there is another limit")
	}
}
