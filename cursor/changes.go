package cursor

// changes are the keys that changed since receivers were told, in the order of their first
// change.
type changes struct {
	order   []string
	visible map[string]bool // whether receivers know the key
}

// mark files a change. Visible tells whether the key was on the board before it.
func (c *changes) mark(key string, visible bool) {
	if _, known := c.visible[key]; known {
		return
	}
	if c.visible == nil {
		c.visible = make(map[string]bool)
	}
	c.visible[key] = visible
	c.order = append(c.order, key)
}

// shown notes that somebody was given the board as it is.
func (b *board) shown() {
	for _, key := range b.changed.order {
		if b.cursors[key] != nil {
			b.changed.visible[key] = true
		}
	}
}

// take returns what receivers have to be told, and begins anew.
func (b *board) take() (moved []*position, removed []string) {
	for _, key := range b.changed.order {
		if p := b.cursors[key]; p != nil {
			moved = append(moved, p)
		} else if b.changed.visible[key] {
			removed = append(removed, key)
		}
	}
	b.changed.order = b.changed.order[:0]
	clear(b.changed.visible)
	return moved, removed
}

// keys is a set that knows in which order it was filled.
type keys struct {
	order []string
	in    map[string]struct{}
}

func (k *keys) len() int { return len(k.in) }

func (k *keys) has(key string) bool {
	_, ok := k.in[key]
	return ok
}

func (k *keys) add(key string) {
	if k.has(key) {
		return
	}
	if k.in == nil {
		k.in = make(map[string]struct{})
	}
	k.in[key] = struct{}{}
	k.order = append(k.order, key)
}

func (k *keys) drop(key string) { delete(k.in, key) }

// cut takes the first of them, as long as size allows: at most MaxEntries, and MaxBytes.
func (k *keys) cut(size func(key string) int) (cut []string) {
	bytes, from := 0, 0
	for ; from < len(k.order) && len(cut) < MaxEntries; from++ {
		key := k.order[from]
		if !k.has(key) {
			continue // dropped
		}
		bytes += len(key) + size(key)
		if len(cut) > 0 && bytes > MaxBytes {
			break
		}
		cut = append(cut, key)
		delete(k.in, key)
	}
	if k.order = k.order[from:]; len(k.order) == 0 {
		k.order = nil
	}
	return cut
}

func (b *board) sizeOf(key string) int {
	if p := b.cursors[key]; p != nil {
		return p.size()
	}
	return 0
}
