package outbox

import (
	"errors"
	"strconv"
	"sync"

	"github.com/troupe-rt/troupe/topic"
)

// A lane is the rows of one topic on their way into it.
type lane struct {
	outcome
	chain topic.Chain // nothing overtakes what failed
	open  int         // answers that are still to come
	late  bool        // others have gone on meanwhile
}

var errUnanswered = errors.New("no answer")

// lanes sorts rows by topic.
func lanes(rows []row) (all []*lane) {
	byTopic := make(map[string]*lane)
	for _, r := range rows {
		l := byTopic[r.topic]
		if l == nil {
			l = &lane{outcome: outcome{topic: r.topic}}
			byTopic[r.topic] = l
			all = append(all, l)
		}
		l.rows = append(l.rows, r)
	}
	return all
}

// post hands at most n rows to the topic. Their answers go to the inbox.
func (l *lane) post(topics Topics, prefix string, n int, in *inbox) {
	l.answers = make([]error, 0, n)
	for i := range n {
		r := l.rows[i]
		id := prefix + strconv.FormatInt(r.id, 10)
		if r.key != nil {
			id = *r.key
		}
		m := topic.Message{Event: r.event, Data: r.data, ID: id, Chain: &l.chain}
		err := topics.Post(l.topic, m, func(receipt topic.Receipt, err error) { in.put(answer{l, i, receipt.Duplicate, err}) })
		if err != nil {
			l.answers = append(l.answers, err)
			return
		}
		l.answers = append(l.answers, errUnanswered)
		l.open++
	}
}

// An answer is what a topic said of a row.
type answer struct {
	lane      *lane
	i         int
	duplicate bool
	err       error
}

// An inbox takes answers from the topics' goroutines, and never blocks them. There are never more in it than rows were posted.
type inbox struct {
	mu     sync.Mutex
	list   []answer
	signal chan struct{} // has one in it while the list is not empty
}

func newInbox() *inbox { return &inbox{signal: make(chan struct{}, 1)} }

func (in *inbox) put(a answer) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.list = append(in.list, a)
	select {
	case in.signal <- struct{}{}:
	default:
	}
}

func (in *inbox) take() []answer {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.list
	in.list = nil
	return list
}

// again makes the signal be there although it was taken.
func (in *inbox) again() {
	select {
	case in.signal <- struct{}{}:
	default:
	}
}
