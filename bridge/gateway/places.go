package gateway

// places are the topics that a session follows. Most follow a few, for which a
// list is smaller and no slower than a map.
type places struct {
	list  []*receiver
	index map[string]*receiver // nil while the list is short
}

const shortList = 12

func (p *places) get(name string) *receiver {
	if p.index != nil {
		return p.index[name]
	}
	for _, r := range p.list {
		if r.topic == name {
			return r
		}
	}
	return nil
}

func (p *places) len() int {
	if p.index != nil {
		return len(p.index)
	}
	return len(p.list)
}

func (p *places) add(r *receiver) {
	if p.index == nil && len(p.list) < shortList {
		p.list = append(p.list, r)
		return
	}
	if p.index == nil {
		p.index = make(map[string]*receiver, 2*shortList)
		for _, old := range p.list {
			p.index[old.topic] = old
		}
		p.list = nil
	}
	p.index[r.topic] = r
}

// remove takes r out and reports whether it was in.
func (p *places) remove(r *receiver) bool {
	if p.index != nil {
		if p.index[r.topic] != r {
			return false
		}
		delete(p.index, r.topic)
		return true
	}
	for i, other := range p.list {
		if other == r {
			last := len(p.list) - 1
			p.list[i], p.list[last] = p.list[last], nil
			p.list = p.list[:last]
			return true
		}
	}
	return false
}

func (p *places) all() []*receiver {
	if p.index == nil {
		return append([]*receiver(nil), p.list...)
	}
	all := make([]*receiver, 0, len(p.index))
	for _, r := range p.index {
		all = append(all, r)
	}
	return all
}
