package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/topic"
)

// A model is a topic as the port describes it, in the fewest words. It keeps every
// event, and looks at all of them for each answer.
type model struct {
	keep   topic.Retention
	events []modelEvent // since Clear; number i+1 at index i
	epoch  string       // as the Log told; "" while it has not
	past   []string     // epochs that must not come back
}

type modelEvent struct {
	entry topic.Entry
	at    time.Duration
}

func (m *model) append(batch []topic.Entry, now time.Duration) []topic.Result {
	results := make([]topic.Result, len(batch))
	for i, e := range batch {
		if seq := m.seen(e.ID, now); seq > 0 {
			results[i] = topic.Result{Seq: seq, Duplicate: true}
			continue
		}
		m.events = append(m.events, modelEvent{e, now})
		results[i] = topic.Result{Seq: uint64(len(m.events))}
	}
	return results
}

func (m *model) seen(id string, now time.Duration) uint64 {
	if id == "" || m.keep.Dedup == 0 {
		return 0
	}
	for i, e := range slices.Backward(m.events) {
		if e.entry.ID == id && now-e.at <= m.keep.Dedup {
			return uint64(i + 1)
		}
	}
	return 0
}

func (m *model) oldest(now time.Duration) uint64 {
	first := max(0, len(m.events)-m.keep.Size)
	for m.keep.TTL > 0 && first < len(m.events) && now-m.events[first].at > m.keep.TTL {
		first++
	}
	return uint64(first + 1)
}

// tell checks the epoch that the Log told against what it told before.
func (m *model) tell(epoch string) error {
	if m.epoch == "" {
		m.epoch = epoch
	}
	if epoch != m.epoch {
		return fmt.Errorf("epoch %q became %q", m.epoch, epoch)
	}
	if slices.Contains(m.past, epoch) {
		return fmt.Errorf("epoch %q came back after Clear", epoch)
	}
	return nil
}

func (m *model) clear() {
	m.past = append(m.past, m.epoch)
	m.events, m.epoch = nil, ""
}

// A machine makes random calls of a Log and of one model a topic, and compares.
type machine struct {
	scene
	prefix string
	now    time.Duration // that has passed
	keep   topic.Retention
	topics map[string]*model
}

// randomCalls is a state-machine test. Time passes in it only where it is fake.
func randomCalls(s *scene) {
	round, scale := 0, 1.0
	if s.opts.Bubble == nil {
		scale = 1000 // a slow moment must not age anything
	}
	// Rapid asks a *testing.T for its deadline, which a bubble does not allow.
	rapid.Check(struct{ rapid.TB }{s.T}, func(t *rapid.T) {
		round++
		m := &machine{
			scene:  scene{T: t, log: s.log, opts: s.opts},
			prefix: strconv.Itoa(round) + "/",
			topics: make(map[string]*model),
			// Times are odd halves of a unit and time passes in whole ones, so
			// that nothing depends on the very moment.
			keep: topic.Retention{
				Size:  rapid.IntRange(1, 6).Draw(t, "size"),
				TTL:   s.units(scale * rapid.SampledFrom([]float64{0, 1.5, 3.5}).Draw(t, "ttl")),
				Dedup: s.units(scale * rapid.SampledFrom([]float64{0, 2.5, 4.5}).Draw(t, "dedup")),
			},
		}
		actions := map[string]func(*rapid.T){"append": m.doAppend, "read": m.doRead, "clear": m.doClear}
		if s.opts.Bubble != nil {
			actions["pass"] = m.doPass
		}
		t.Repeat(actions)
	})
}

func (m *machine) draw(t *rapid.T) (string, *model) {
	name := m.prefix + rapid.SampledFrom([]string{"a", "a:*"}).Draw(t, "topic")
	if m.topics[name] == nil {
		m.topics[name] = &model{keep: m.keep}
	}
	return name, m.topics[name]
}

func (m *machine) doAppend(t *rapid.T) {
	name, want := m.draw(t)
	ids := rapid.SliceOfN(rapid.SampledFrom([]string{"", "1", "2", "3"}), 0, 5).Draw(t, "ids")
	batch := make([]topic.Entry, len(ids))
	for i, id := range ids {
		batch[i] = withID(id, fmt.Sprint(name, len(want.events), i))
	}
	got := m.append(name, m.keep, batch...)
	if results := want.append(batch, m.now); !slices.Equal(got.Results, results) {
		t.Errorf("Append(%q, ids %q) = %v, want %v", name, ids, got.Results, results)
	}
	if err := want.tell(got.Epoch); err != nil {
		t.Errorf("Append(%q): %v", name, err)
	}
}

func (m *machine) doRead(t *rapid.T) {
	name, want := m.draw(t)
	head := uint64(len(want.events))
	after := rapid.Uint64Range(0, head+2).Draw(t, "after")
	limit := rapid.IntRange(0, 8).Draw(t, "limit")
	got := m.read(name, after, limit, m.keep)
	if oldest := want.oldest(m.now); got.Head.Seq != head || got.Oldest != oldest {
		t.Errorf("Read(%q): head %d, oldest %d; want %d, %d", name, got.Head.Seq, got.Oldest, head, oldest)
		return
	}
	for _, r := range got.Records {
		if e := want.events[r.Seq-1].entry; r.Name != e.Name || string(r.Data) != string(e.Data) {
			t.Errorf("Read(%q): number %d is %s %s, want %s %s", name, r.Seq, r.Name, r.Data, e.Name, e.Data)
		}
	}
	if err := want.tell(got.Head.Epoch); err != nil {
		t.Errorf("Read(%q): %v", name, err)
	}
}

func (m *machine) doClear(t *rapid.T) {
	name, want := m.draw(t)
	m.clear(name)
	want.clear()
}

func (m *machine) doPass(t *rapid.T) {
	units := rapid.IntRange(1, 3).Draw(t, "units")
	m.pass(float64(units))
	m.now += m.units(float64(units))
}
