package group

import (
	"context"
	"errors"
	"maps"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// cleared is noted when the metadata was emptied, so that the policy's does not
// come back. No key of the program's can have this name.
const cleared = "\x00cleared"

// Meta returns a group's metadata: what its policy begins it with, and over that what
// SetMeta said, on whichever node. It is the caller's to keep. Errors:
// *topic.InputError, ErrNoGroup, one that wraps ErrUnavailable, or the context's.
func (g *Groups) Meta(ctx context.Context, name string) (map[string]string, error) {
	p, err := g.admit(name)
	if err != nil {
		return nil, err
	}
	notes, err := g.notes(ctx, name)
	if err != nil {
		return nil, err
	}
	meta := make(map[string]string, len(p.Meta)+len(notes))
	if _, empty := notes[cleared]; !empty {
		maps.Copy(meta, p.Meta)
	}
	maps.Copy(meta, notes)
	delete(meta, cleared)
	return meta, nil
}

// SetMeta adds to a group's metadata, in one step. Keys that are not named stay as
// they are; an empty map clears all. At most MaxNotes keys, with names like those of
// events, and values of at most MaxNote bytes in UTF-8. Nobody is told: publish an
// event for that.
//
// Errors are those of Meta, and ErrClosed.
func (g *Groups) SetMeta(ctx context.Context, name string, meta map[string]string) error {
	if _, err := g.admit(name); err != nil {
		return err
	}
	if err := checkMeta(meta); err != nil {
		return err
	}
	set := make(map[string]*string, len(meta)+1)
	for key, value := range meta {
		set[key] = &value
	}
	if len(meta) == 0 {
		notes, err := g.notes(ctx, name)
		if err != nil {
			return err
		}
		for key := range notes {
			set[key] = nil
		}
		mark := "1"
		set[cleared] = &mark
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	err := g.cfg.Store.Note(ctx, Name(name), set)
	if errors.Is(err, roster.ErrClosed) {
		return ErrClosed
	}
	return unavailable(name, "set metadata", err)
}

func (g *Groups) notes(ctx context.Context, name string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	notes, err := g.cfg.Store.Notes(ctx, Name(name))
	return notes, unavailable(name, "read metadata", err)
}

func checkMeta(meta map[string]string) error {
	if len(meta) > MaxNotes {
		return inputError("meta", "must have at most %d keys", MaxNotes)
	}
	for key, value := range meta {
		if topic.CheckEvent(key) != nil {
			return inputError("meta", `must have keys of 1 to %d printable characters without " and \`, topic.MaxName)
		}
		if len(value) > MaxNote || !utf8.ValidString(value) {
			return inputError("meta", "must have values of at most %d bytes in UTF-8", MaxNote)
		}
	}
	return nil
}
