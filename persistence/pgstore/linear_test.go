package pgstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// A step is what a client asked of a topic: to append a batch, or where there is none to read on after a number.
type step struct {
	batch []topic.Entry
	after uint64
}

// A finding is what it was told. A result with number 0 is not known.
type finding struct {
	results []topic.Result
	page    topic.Page
}

// A ledger is a topic as its numbers tell it, newest event first. It is never changed.
type ledger struct {
	seq    uint64
	id     string
	data   string
	before *ledger
	hash   uint64
}

func (l *ledger) add(e topic.Entry) *ledger {
	h := fnv.New64a()
	fmt.Fprint(h, l.hash, e.ID, "\x00", string(e.Data))
	return &ledger{seq: l.seq + 1, id: e.ID, data: string(e.Data), before: l, hash: h.Sum64()}
}

func (l *ledger) find(id string) uint64 {
	for ; id != "" && l.seq > 0; l = l.before {
		if l.id == id {
			return l.seq
		}
	}
	return 0
}

// append tells what becomes of a topic, and whether the results could have been told.
func (l *ledger) append(batch []topic.Entry, told []topic.Result) (bool, *ledger) {
	if len(told) != len(batch) {
		return false, l
	}
	for i, e := range batch {
		want := topic.Result{Seq: l.find(e.ID), Duplicate: true}
		if want.Seq == 0 {
			l = l.add(e)
			want = topic.Result{Seq: l.seq}
		}
		if told[i].Seq != 0 && told[i] != want {
			return false, l
		}
	}
	return true, l
}

func (l *ledger) shows(after uint64, p topic.Page) bool {
	if p.Head.Seq != l.seq || uint64(len(p.Records)) != l.seq-min(after, l.seq) {
		return false
	}
	for i := len(p.Records) - 1; i >= 0; i, l = i-1, l.before {
		if r := p.Records[i]; r.Seq != l.seq || string(r.Data) != l.data {
			return false
		}
	}
	return true
}

var ledgerModel = porcupine.Model{
	Init:  func() any { return &ledger{} },
	Equal: func(a, b any) bool { return a.(*ledger).hash == b.(*ledger).hash },
	Step: func(state, input, output any) (bool, any) {
		l, in, out := state.(*ledger), input.(step), output.(finding)
		if in.batch == nil {
			return l.shows(in.after, out.page), l
		}
		return l.append(in.batch, out.results)
	},
}

// A history is what several clients did, and saw.
type history struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	lost  []porcupine.Operation // ended with an error: it is unknown what became of them
}

// record makes a call and files it.
func (h *history) record(client int, in step, call func() (finding, error)) {
	op := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(h.began))}
	out, err := call()
	op.Return, op.Output = int64(time.Since(h.began)), out
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.ops = append(h.ops, op)
	} else if in.batch != nil {
		h.lost = append(h.lost, op)
	}
}

// settle finds out by the log itself what became of the lost ones.
func (h *history) settle(t *testing.T, log topic.Page) (happened int) {
	numbers := map[string]uint64{}
	for _, r := range log.Records {
		if at, twice := numbers[string(r.Data)]; twice {
			t.Errorf("%s has the numbers %d and %d", r.Data, at, r.Seq)
		}
		numbers[string(r.Data)] = r.Seq
	}
	for _, op := range h.lost {
		batch := op.Input.(step).batch
		out, any := finding{results: make([]topic.Result, len(batch))}, false
		for i, e := range batch {
			out.results[i].Seq = numbers[string(e.Data)]
			any = any || out.results[i].Seq > 0
		}
		if any {
			happened++
			op.Output, op.Return = out, int64(time.Since(h.began))
			h.ops = append(h.ops, op)
		}
	}
	return happened
}

// linearClient does random things, half of the time with an ID that others use too.
func linearClient(h *history, s *Store, client, steps int, keep topic.Retention) {
	random := rand.New(rand.NewPCG(uint64(client), 7))
	for i := range steps {
		if random.IntN(4) == 0 {
			in := step{after: uint64(random.IntN(400))}
			h.record(client, in, func() (finding, error) {
				p, err := s.Read(context.Background(), "t", in.after, keep.Size, keep)
				return finding{page: p}, err
			})
			continue
		}
		in := step{batch: make([]topic.Entry, 1+random.IntN(4))}
		for j := range in.batch {
			in.batch[j] = event(fmt.Sprintf("%d/%d/%d", client, i, j))
			if random.IntN(2) == 0 {
				in.batch[j].ID = fmt.Sprint(random.IntN(200))
			}
		}
		h.record(client, in, func() (finding, error) {
			a, err := s.Append(context.Background(), "t", in.batch, keep)
			return finding{results: a.Results}, err
		})
	}
}

// What clients beside each other are told of numbers, duplicates and history has an order in which one after the other would
// have been told the same, also while connections are killed and answers are lost.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	h := &history{began: time.Now()}
	done := make(chan struct{})
	var clients, trouble sync.WaitGroup
	for node := range 4 { // each with two clients, who share its lanes
		s := storeOn(t, pgdb.Config{URL: proxy.URL(server.URL()), MaxConns: 4}, Config{})
		for c := range 2 {
			clients.Go(func() { linearClient(h, s, 2*node+c, 100, plenty) })
		}
	}
	trouble.Go(func() {
		tick := time.NewTicker(60 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-tick.C:
				if i%2 == 0 {
					proxy.LoseAnswer()
				} else {
					server.KillClients(t)
				}
			}
		}
	})
	clients.Wait()
	close(done)
	trouble.Wait()
	proxy.Heal(t)
	log := get(t, storeOn(t, pgdb.Config{URL: server.URL()}, Config{}), "t")
	happened := h.settle(t, log)
	t.Logf("%d calls told, %d lost, of which %d had happened; %d events", len(h.ops)-happened, len(h.lost), happened, log.Head.Seq)
	if len(h.lost) == 0 || happened == 0 || len(h.ops) < 200 {
		t.Error("too little went wrong, or right, to show anything")
	}
	if got := porcupine.CheckOperationsTimeout(ledgerModel, h.ops, time.Minute); got != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", got)
	}
}

// The checker notices what a broken store would do.
func TestCheckerCatches(t *testing.T) {
	t.Parallel()
	a, b := topic.Entry{ID: "1", Data: []byte("a")}, topic.Entry{ID: "1", Data: []byte("b")}
	plain := topic.Entry{Data: []byte("c")}
	put := func(from, to int64, e topic.Entry, r topic.Result) porcupine.Operation {
		return porcupine.Operation{Call: from, Return: to, Input: step{batch: []topic.Entry{e}}, Output: finding{results: []topic.Result{r}}}
	}
	look := func(from, to int64, head uint64, data ...string) porcupine.Operation {
		p := topic.Page{Head: topic.Position{Seq: head}}
		for i, d := range data {
			p.Records = append(p.Records, topic.Record{Seq: uint64(i + 1), Data: []byte(d)})
		}
		return porcupine.Operation{Call: from, Return: to, Input: step{}, Output: finding{page: p}}
	}
	for name, tt := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"right": {[]porcupine.Operation{put(0, 5, a, topic.Result{Seq: 1}), put(1, 6, b, topic.Result{Seq: 1, Duplicate: true}),
			look(2, 3, 0), put(7, 8, plain, topic.Result{Seq: 2}), look(9, 10, 2, "a", "c")}, true},
		"one number twice":       {[]porcupine.Operation{put(0, 5, plain, topic.Result{Seq: 1}), put(0, 5, plain, topic.Result{Seq: 1})}, false},
		"a number left out":      {[]porcupine.Operation{put(0, 1, plain, topic.Result{Seq: 1}), put(2, 3, plain, topic.Result{Seq: 3})}, false},
		"a duplicate kept":       {[]porcupine.Operation{put(0, 1, a, topic.Result{Seq: 1}), put(2, 3, b, topic.Result{Seq: 2})}, false},
		"an old page":            {[]porcupine.Operation{put(0, 1, plain, topic.Result{Seq: 1}), look(2, 3, 0)}, false},
		"a page before its time": {[]porcupine.Operation{look(0, 1, 1, "c"), put(2, 3, plain, topic.Result{Seq: 1})}, false},
		"a lost call half seen":  {[]porcupine.Operation{put(0, 9, a, topic.Result{}), put(1, 2, b, topic.Result{Seq: 1, Duplicate: true}), look(3, 4, 1, "b")}, false},
	} {
		if got := porcupine.CheckOperations(ledgerModel, tt.ops); got != tt.want {
			t.Errorf("%s: the checker says %t", name, got)
		}
	}
}
