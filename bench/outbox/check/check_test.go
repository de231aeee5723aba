package check_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/outbox/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// a, b and c commit one after the other, d beside c, and e is rolled back; u is unknown.
const written = `wrote a x a1
wrote a y a2
wrote a x a3
wrote b x b1
wrote b x b2
void b2
wrote e x e1
committed a 10 20
committed b 30 40
rolledback e
wrote c x c1
wrote d x d1
committed c 50 60
committed d 55 65
wrote u x u1
wrote u y u2
unknown u 70
`

const received = `got x 1 a1
got y 1 a2
got x 2 a3
got x 3 b1
got x 4 d1
got x 5 c1
`

func judge(t *testing.T, written string, received ...string) check.Verdict {
	t.Helper()
	c := check.New()
	if err := c.Writer("writer", strings.NewReader(written)); err != nil {
		t.Fatal(err)
	}
	for _, r := range received {
		if err := c.Receiver("receiver", strings.NewReader(r)); err != nil {
			t.Fatal(err)
		}
	}
	return c.Verdict()
}

func TestCleanRecord(t *testing.T) {
	t.Parallel()
	v := judge(t, written, received, received)
	if !v.Passed() || v.FaultCount != 0 || v.Rows != 10 || v.CommittedRows != 6 || v.VoidRows != 1 || v.Committed != 4 ||
		v.RolledBack != 1 || v.Unknown != 1 || v.Delivered != 12 || v.Topics != 2 || !strings.Contains(v.String(), "PASSED") {
		t.Errorf("got %+v\n%s", v, v)
	}
	if v := judge(t, written, received+"got x 6 u1\ngot y 2 u2\n"); !v.Passed() {
		t.Errorf("unknown, and arrived:\n%s", v)
	}
	if v := judge(t, written); v.Passed() {
		t.Error("nothing received passes")
	}
	if v := judge(t, "", ""); v.Passed() {
		t.Error("nothing passes")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ written, received, want string }{
		"lost":                    {"", "-got x 5 c1\n", "row c1 was committed by c and did not arrive"},
		"lost in the middle":      {"", "-got x 4 d1\n", "number 5 came after 3"},
		"twice":                   {"", "+got x 6 c1\n", "it came before"},
		"another topic":           {"", "got y 1 a2\n>got z 1 a2\n", "it was written for y"},
		"rolled back":             {"", "+got x 6 e1\n", "its transaction e was rolled back"},
		"savepoint":               {"", "+got x 6 b2\n", "its savepoint was rolled back"},
		"of nobody":               {"", "+got x 6 f1\n", "nobody wrote it"},
		"swapped commits":         {"", "got x 3 b1\ngot x 4 d1\n>got x 3 d1\ngot x 4 b1\n", "had committed before d began to"},
		"swapped rows":            {"", "got x 1 a1\ngot y 1 a2\ngot x 2 a3\n>got x 1 a3\ngot y 1 a2\ngot x 2 a1\n", "a later row of its transaction came first"},
		"step back":               {"", "+got x 5 c1\n", "number 5 came after 5"},
		"half of a transaction":   {"", "+got x 6 u1\n", "1 of 2 rows arrived"},
		"garbage":                 {"", "+got x six c1\n", "not a line of a record"},
		"a receiver that writes":  {"", "+wrote f x f1\n", "a receiver with a line"},
		"a writer that receives":  {"+got x 1 a1\n", "", "a writer with a line"},
		"row twice":               {"+wrote f x a1\nrolledback f\n", "", "row a1 was written twice"},
		"row after the end":       {"+wrote a x a4\n", "", "after the end of a"},
		"void without a row":      {"+void z1\n", "", "can not be void"},
		"void after the end":      {"+void a1\n", "", "can not be void"},
		"two ends":                {"+rolledback a\n", "", "ends without having begun, or twice"},
		"no end":                  {"+wrote f x f1\n", "", "transaction f has no end"},
		"committed backwards":     {"committed a 10 20\n>committed a 20 10\n", "", "committed before it began to"},
		"commit that was later":   {"committed b 30 40\n>committed b 80 90\n", "", "whose rows came first"},
		"without a transaction":   {"+committed f 1 2\n", "", "without having begun"},
		"too few words":           {"+wrote f\n", "", "not a line"},
		"empty":                   {"+\n", "", "not a line"},
		"rolled back half, twice": {"", "+got x 6 e1\ngot x 7 e1\n", "its transaction e was rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := judge(t, change(t, written, c.written), received, change(t, received, c.received))
			if v.Passed() || !strings.Contains(v.String(), c.want) || !strings.Contains(v.String(), "FAILED") {
				t.Errorf("want %q, got\n%s", c.want, v)
			}
		})
	}
	if v := judge(t, written, received, change(t, received, "got x 4 d1\ngot x 5 c1\n>got x 4 c1\ngot x 5 d1\n")); v.Passed() ||
		!strings.Contains(v.String(), "others say that this number is d1") {
		t.Errorf("receivers that disagree:\n%s", v)
	}
}

// change spoils a record: +LINES at its end, -LINES out of it, LINES>LINES in their place.
func change(t *testing.T, record, how string) string {
	t.Helper()
	if how == "" {
		return record
	}
	if more, ok := strings.CutPrefix(how, "+"); ok {
		return record + more
	}
	less, instead, _ := strings.Cut(strings.TrimPrefix(how, "-"), ">")
	if !strings.Contains(record, less) {
		t.Fatalf("no %q in the record", less)
	}
	return strings.Replace(record, less, instead, 1)
}

func TestManyFaults(t *testing.T) {
	t.Parallel()
	v := judge(t, written, strings.Repeat("got x 1 f1\n", 1000))
	if v.FaultCount < 1000 || len(v.Faults) > 50 || !strings.Contains(v.String(), "more\n") {
		t.Errorf("%d faults, %d told", v.FaultCount, len(v.Faults))
	}
}

func FuzzParse(f *testing.F) {
	for line := range strings.Lines(written + received) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := check.Parse(text)
		if err != nil {
			return
		}
		again, err := check.Parse(strings.TrimSuffix(string(l.Append(nil)), "\n"))
		if err != nil || again != l {
			t.Errorf("%q: %+v, and again %+v, %v", text, l, again, err)
		}
	})
}
