package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bench/chaos/check"
)

// records are a small world: what everyone wrote down. A test changes some of it.
type records struct {
	publisher, subscriber, other, log string
	options                           check.Options
}

// clean is three messages of one topic, with a lost connection in between.
func clean() records {
	return records{
		publisher: "asked t a\nacked t a E 1 false\nasked t b\nacked t b E 2 true\nasked t c\nacked t c E 3 false",
		subscriber: "connected\njoined t E 0 -live 0\nevent t 1 a\ndegraded redis\nrecovered redis\n" +
			"connected\njoined t E 2 E 1\nevent t 2 b\nleft t\njoined t E 3 E 2\nevent t 3 c",
		other:   "connected\njoined t E 0 -live 0\nevent t 1 a\nevent t 2 b\nevent t 3 c",
		log:     "connected\njoined t E 3 -any 0\nevent t 1 a\nevent t 2 b\nevent t 3 c",
		options: check.Options{Kept: 10, Lossless: true},
	}
}

func (r records) verdict(t *testing.T) check.Verdict {
	t.Helper()
	c := check.New(r.options)
	for _, read := range []struct {
		into func(string, *strings.Reader) error
		name string
		text string
	}{
		{func(n string, s *strings.Reader) error { return c.Subscriber(n, s) }, "s1", r.subscriber},
		{func(n string, s *strings.Reader) error { return c.Publisher(n, s) }, "p1", r.publisher},
		{func(n string, s *strings.Reader) error { return c.Subscriber(n, s) }, "s2", r.other},
		{func(n string, s *strings.Reader) error { return c.History(n, s) }, "log", r.log},
	} {
		if err := read.into(read.name, strings.NewReader(read.text)); err != nil {
			t.Fatal(err)
		}
	}
	return c.Verdict()
}

func TestCleanRecords(t *testing.T) {
	t.Parallel()
	v := clean().verdict(t)
	if !v.Passed() || v.Publishers != 1 || v.Subscribers != 2 || v.Asked != 3 || v.Acknowledged != 3 || v.Duplicates != 1 ||
		v.Delivered != 6 || v.Connections != 3 || v.Announced != 0 || v.Epochs != 1 || v.Topics != 1 || v.Degraded != 1 || v.Recovered != 1 {
		t.Errorf("got %+v", v)
	}
	if !strings.Contains(v.String(), "PASSED") {
		t.Errorf("got %s", v)
	}
}

func TestNothingIsNoProof(t *testing.T) {
	t.Parallel()
	if v := check.New(check.Options{}).Verdict(); v.Passed() {
		t.Error("records of nobody pass")
	}
}

// replace changes one text that is there once.
func replace(t *testing.T, in *string, old, new string) {
	t.Helper()
	if strings.Count(*in, old) != 1 {
		t.Fatalf("%q is not once in %q", old, *in)
	}
	*in = strings.Replace(*in, old, new, 1)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		where    string // whose record
		old, new string
		want     string
	}{
		"a silent gap":            {"other", "event t 2 b\n", "", "had only E/1"},
		"a double":                {"other", "event t 2 b\n", "event t 2 b\nevent t 2 b\n", "had E/2 already"},
		"a swap":                  {"other", "event t 2 b\nevent t 3 c", "event t 3 c\nevent t 2 b", "had only E/1"},
		"the end is missing":      {"other", "\nevent t 3 c", "", "left at E/2"},
		"another message":         {"other", "event t 2 b", "event t 2 x", "others say"},
		"an early double":         {"subscriber", "joined t E 2 E 1\nevent t 2 b", "joined t E 2 E 1\nevent t 1 a\nevent t 2 b", "had E/1 already"},
		"a gap after a resume":    {"subscriber", "event t 2 b\n", "", "had E/1 and asked for something else"},
		"asked for another place": {"subscriber", "joined t E 2 E 1", "joined t E 2 E 0", "asked for something else"},
		"without a subscription":  {"other", "joined t E 0 -live 0\n", "", "without a subscription"},
		"after it was left":       {"subscriber", "joined t E 3 E 2\n", "", "without a subscription"},
		"on a new connection":     {"subscriber", "joined t E 2 E 1\n", "", "without a subscription"},
		"a silent epoch":          {"subscriber", "joined t E 2 E 1", "joined t F 2 E 1", "not told of the loss"},
		"a silent step back":      {"subscriber", "joined t E 2 E 1", "joined t E 0 E 1", "not told of the loss"},
		"a wrong since":           {"other", "event t 2 b\n", "truncated t 0 3 3 E\n", "not what it names"},
		"a needless truncated":    {"other", "event t 2 b\n", "event t 2 b\ntruncated t 2 3 3 E\n", "where nothing is missing"},
		"a loss of what is kept":  {"other", "event t 2 b\n", "truncated t 1 3 3 E\n", "the log has to have"},
		"back within an epoch":    {"other", "event t 3 c", "truncated t 2 1 1 E\nevent t 1 a\nevent t 2 b\nevent t 3 c", "went back within an epoch"},
		"an epoch too many":       {"other", "event t 3 c", "truncated t 2 3 3 F\nevent t 3 c", "a new epoch, though nothing was lost"},
		"contradicting numbers":   {"other", "event t 2 b\n", "truncated t 1 9 3 E\n", "contradict each other"},
		"left in an old epoch":    {"log", "joined t E", "joined t F", "the log is at F/3"},
		"loss without numbers":    {"other", "event t 2 b\n", "event t 2 b\nstale t\n", "without numbers"},
		"an ack that is not kept": {"publisher", "asked t c\nacked t c E 3 false", "asked t c\nacked t c E 3 false\nasked t d\nacked t d E 4 false", "the log does not have it"},
		"an ack elsewhere":        {"publisher", "acked t b E 2 true", "acked t b E 3 true", "others say"},
		"an ack twice":            {"publisher", "acked t b E 2 true", "acked t b E 2 true\nacked t b E 4 true", "stands twice"},
		"twice in the log":        {"log", "joined t E 3 -any 0\nevent t 1 a\nevent t 2 b\nevent t 3 c", "joined t E 4 -any 0\nevent t 1 a\nevent t 2 b\nevent t 3 c\nevent t 4 a", "stands twice"},
		"nobody published it":     {"publisher", "asked t b\n", "", "which nobody published"},
		"acknowledged and gone":   {"publisher", "acked t b E 2 true", "acked t b E 2 true\nasked t d\nacked t d D 1 false", "is gone with its epoch"},
		"a hole in the log":       {"log", "event t 2 b\n", "", "had only E/1"},
		"the log's end":           {"log", "\nevent t 3 c", "", "the log said 3"},
		"the log is too short":    {"log", "event t 1 a\n", "truncated t 0 2 3 E\n", "has to keep 10"},
		"the log was not read":    {"log", "joined t E 3 -any 0\nevent t 1 a\nevent t 2 b\nevent t 3 c", "", "was not read"},
		"one who did not follow":  {"other", "joined t E 0 -live 0\nevent t 1 a\nevent t 2 b\nevent t 3 c", "", "1 of 2 subscribers followed"},
		"an outage told twice":    {"subscriber", "degraded redis\n", "degraded redis\ndegraded redis\n", "was told so already"},
		"the end of no outage":    {"other", "event t 2 b\n", "event t 2 b\nrecovered redis\n", "was told so already"},
		"a line of another kind":  {"other", "event t 2 b", "asked t z\nevent t 2 b", "in the record of a subscriber"},
		"a subscribing publisher": {"publisher", "asked t b", "asked t b\nevent t 2 b", "a publisher with a line of kind"},
		"a broken line":           {"other", "event t 2 b", "event t 2\nevent t 2 b", "not a line of a record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := clean()
			replace(t, map[string]*string{"publisher": &r.publisher, "subscriber": &r.subscriber, "other": &r.other, "log": &r.log}[c.where], c.old, c.new)
			v := r.verdict(t)
			if v.Passed() || !strings.Contains(strings.Join(v.Faults, "\n"), c.want) {
				t.Errorf("faults %q, want one with %q", v.Faults, c.want)
			}
			if !strings.Contains(v.String(), "FAILED") {
				t.Errorf("got %s", v)
			}
		})
	}
}

func TestAnnouncedLosses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		records      records
		missed, gone int
	}{
		"a new epoch, from the beginning": {records{
			publisher: "asked t a\nacked t a E 1 false\nasked t b\nacked t b F 1 false",
			subscriber: "connected\njoined t E 0 -live 0\nevent t 1 a\n" +
				"connected\njoined t F 1 E 1\nconnected\njoined t F 1 E 1\ntruncated t 1 1 1 F\nevent t 1 b",
			other: "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 1 F\nevent t 1 b",
			log:   "connected\njoined t F 1 -any 0\nevent t 1 b",
		}, 0, 1},
		"a new epoch, numbers stay": {records{
			publisher:  "asked t a\nacked t a E 1 false\nasked t b\nacked t b F 2 false",
			subscriber: "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 1 F\nevent t 1 a\nevent t 2 b",
			other:      "connected\njoined t E 0 -live 0\ntruncated t 0 1 2 F\nevent t 1 a\nevent t 2 b",
			log:        "connected\njoined t F 2 -any 0\nevent t 1 a\nevent t 2 b",
		}, 0, 0},
		"trimmed": {records{
			publisher:  "asked t a\nacked t a E 1 false\nasked t b\nacked t b E 2 false\nasked t c\nacked t c E 3 false",
			subscriber: "connected\njoined t E 0 -live 0\nconnected\njoined t E 3 E 0\ntruncated t 0 3 3 E\nevent t 3 c",
			other:      "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 3 3 E\nevent t 3 c",
			log:        "connected\njoined t E 3 -any 0\ntruncated t 0 3 3 E\nevent t 3 c",
			options:    check.Options{Kept: 1},
		}, 3, 0},
		"a number given twice, and the epoch is over": {records{
			publisher:  "asked t a\nacked t a E 1 false\nasked t b\nacked t b E 1 false",
			subscriber: "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 1 F\nevent t 1 b",
			other:      "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 1 F\nevent t 1 b",
			log:        "connected\njoined t F 1 -any 0\nevent t 1 b",
		}, 0, 1},
		"emptied, and nothing since": {records{
			publisher:  "asked t a\nacked t a E 1 false",
			subscriber: "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 0 F",
			other:      "connected\njoined t E 0 -live 0\nevent t 1 a\ntruncated t 1 1 0 F",
			log:        "connected\njoined t F 0 -any 0",
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := c.records.verdict(t)
			if !v.Passed() || v.Missed != c.missed || v.LostAfterAck != c.gone || v.Announced == 0 {
				t.Errorf("got %s\n%+v", v, v)
			}
		})
	}
}

func TestAnEpochDoesNotComeBack(t *testing.T) {
	t.Parallel()
	r := clean()
	r.options.Lossless = false
	replace(t, &r.other, "event t 3 c", "truncated t 2 1 1 F\ntruncated t 0 3 3 E\nevent t 3 c")
	if v := r.verdict(t); v.Passed() || !strings.Contains(v.String(), "an epoch that was over") {
		t.Errorf("got %s", v)
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	t.Parallel()
	r := clean()
	r.other += strings.Repeat("\nevent t 3 c", 1000)
	if v := r.verdict(t); v.FaultCount != 1000 || len(v.Faults) > 100 || !strings.Contains(v.String(), "more") {
		t.Errorf("%d faults, %d told", v.FaultCount, len(v.Faults))
	}
}

var everyKind = []check.Line{
	{Kind: check.Connected},
	{Kind: check.Joined, Topic: "t", Epoch: "E", Seq: 9, SinceEpoch: check.Live},
	{Kind: check.Left, Topic: "t"},
	{Kind: check.Event, Topic: "t", Seq: 1<<64 - 1, ID: "a"},
	{Kind: check.Truncated, Topic: "t", Since: 1, Oldest: 2, Seq: 3, Epoch: "E"},
	{Kind: check.Stale, Topic: "t"},
	{Kind: check.Degraded, Topic: "redis"},
	{Kind: check.Recovered, Topic: "redis"},
	{Kind: check.Asked, Topic: "t", ID: "a"},
	{Kind: check.Acked, Topic: "t", ID: "a", Epoch: "E", Seq: 1, Duplicate: true},
}

func TestLinesSurvive(t *testing.T) {
	t.Parallel()
	for _, l := range everyKind {
		text := strings.TrimSuffix(string(l.Append(nil)), "\n")
		if got, err := check.Parse(text); err != nil || got != l {
			t.Errorf("%+v became %q became %+v, %v", l, text, got, err)
		}
		for _, bad := range []string{text + " x", strings.TrimSuffix(text, text[len(text)-1:]) + "\x00 ", "x" + text, text + " "} {
			if got, err := check.Parse(bad); err == nil {
				t.Errorf("%q is taken for %+v", bad, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, l := range everyKind {
		f.Add(strings.TrimSuffix(string(l.Append(nil)), "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := check.Parse(text)
		if err != nil {
			return
		}
		again, err := check.Parse(strings.TrimSuffix(string(l.Append(nil)), "\n"))
		if err != nil || again != l {
			t.Fatalf("%q is %+v, and then %+v, %v", text, l, again, err)
		}
	})
}

func ExampleChecker() {
	c := check.New(check.Options{Kept: 100, Lossless: true})
	_ = c.Publisher("ann", strings.NewReader("asked room hi\nacked room hi E 1 false"))
	_ = c.Subscriber("bob", strings.NewReader("connected\njoined room E 0 -live 0"))
	_ = c.History("node", strings.NewReader("connected\njoined room E 1 -any 0\nevent room 1 hi"))
	fmt.Println(c.Verdict().Faults[0])
	// Output: bob: left at E/0 of room, the log is at E/1
}
