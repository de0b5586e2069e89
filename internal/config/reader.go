// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader takes values out of YAML nodes and reports what has the wrong shape.
// What the values mean is judged later.
type reader struct{ *report }

// item is a value and where it is written.
type item[T any] struct {
	place
	value T
}

// entry is one "key: value" of a mapping, or an element of a list, which has no
// key. path names it from the top level down.
type entry struct {
	path       string
	key, value *yaml.Node
}

// fields says what to do with each key of a mapping.
type fields map[string]func(entry)

// mapping reads the mapping n, which path names ("" is the top level), and tells
// whether all of it could be read. A null is an empty mapping: all its keys may
// be commented out.
func (r *reader) mapping(n *yaml.Node, path string, known fields, required ...string) bool {
	before := r.errors
	seen := map[string]*yaml.Node{}
	meant := map[string]bool{} // keys that unknown ones look like
	if isNull(n) {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	if !r.isKind(n, yaml.MappingNode, cmp.Or(path, "the top level"), "a mapping of keys to values") {
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{path: join(path, n.Content[i].Value), key: n.Content[i], value: n.Content[i+1]}
		if e.key.Kind != yaml.ScalarNode || e.key.Tag == "!!merge" {
			r.errorf(at(e.key), "a key must be a plain word, not %s", describe(e.key))
			continue
		}
		name := e.key.Value
		read, ok := known[name]
		first := seen[name]
		seen[name] = e.key
		switch {
		case first != nil:
			seen[name] = first
			r.errorf(at(e.key), "duplicate key %s; it is on line %d already", quote(name), first.Line)
		case !ok:
			best, hint := r.instead(path, name, known)
			meant[best] = true
			r.errorf(at(e.key), "unknown key %s; %s", quote(name), hint)
		default:
			read(e)
		}
	}
	for _, name := range required {
		if seen[name] == nil && !meant[name] {
			r.errorf(at(n), "%s is missing", join(path, name))
		}
	}
	return r.errors == before
}

// instead returns the key that an unknown one looks like, if there is one, and
// what to tell the operator.
func (r *reader) instead(path, name string, known fields) (best, hint string) {
	if r.errors >= maxShown { // it would not be shown
		return "", ""
	}
	names := slices.Sorted(maps.Keys(known))
	if best := suggest(name, names); best != "" {
		return best, fmt.Sprintf("did you mean %q?", best)
	}
	return "", fmt.Sprintf("%s has %s", cmp.Or(path, "the top level"), strings.Join(names, ", "))
}

// list reads a list and hands each element to one. A null is an empty list.
func (r *reader) list(one func(entry)) func(entry) {
	return func(e entry) {
		if isNull(e.value) || !r.isKind(e.value, yaml.SequenceNode, e.path, "a list") {
			return
		}
		for _, n := range e.value.Content {
			one(entry{path: e.path + "[]", value: n})
		}
	}
}

// elements reads a list into one of raw values.
func elements[T any](r *reader, to *[]T, read func(*T, *reader, entry)) func(entry) {
	return r.list(func(e entry) {
		var one T
		read(&one, r, e)
		*to = append(*to, one)
	})
}

// texts reads a list of texts.
func (r *reader) texts(to *[]item[string]) func(entry) {
	return r.list(func(e entry) {
		if value, ok := r.scalar(e.path, e.value); ok {
			*to = append(*to, item[string]{at(e.value), value})
		}
	})
}

// text reads a value as it is written: 10, true and eth0 are all texts.
func (r *reader) text(to **item[string]) func(entry) {
	return func(e entry) {
		if value, ok := r.scalar(e.path, e.value); ok {
			*to = &item[string]{at(e.value), value}
		}
	}
}

func (r *reader) boolean(to **item[bool]) func(entry) {
	return func(e entry) {
		value, ok := r.scalar(e.path, e.value)
		switch {
		case !ok:
		case e.value.Tag != "!!bool":
			r.errorf(at(e.value), "%s must be true or false, not %s", e.path, describe(e.value))
		default:
			*to = &item[bool]{at(e.value), strings.EqualFold(value, "true")}
		}
	}
}

// number reads a whole number. One too large for an int is the largest int, to
// be refused with its range like other large ones.
func (r *reader) number(to **item[int]) func(entry) {
	return func(e entry) {
		value, ok := r.scalar(e.path, e.value)
		if !ok {
			return
		}
		digits := strings.TrimPrefix(value, "-")
		if e.value.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 ||
			digits == "" || strings.Trim(digits, "0123456789") != "" {
			r.errorf(at(e.value), "%s must be a whole number, not %s", e.path, describe(e.value))
			return
		}
		n, _ := strconv.Atoi(value) // only the range can be wrong, and then it is the nearest
		*to = &item[int]{at(e.value), n}
	}
}

// scalar returns the text of a single value.
func (r *reader) scalar(path string, n *yaml.Node) (string, bool) {
	switch {
	case isNull(n):
		r.errorf(at(n), "%s has no value", path)
		return "", false
	case !r.isKind(n, yaml.ScalarNode, path, "a single value"):
		return "", false
	case n.Style&yaml.TaggedStyle != 0:
		r.errorf(at(n), "%s has the tag %s; write the value without one", path, quote(n.Tag))
		return "", false
	}
	return n.Value, true
}

// isKind reports a node that isn't of the kind that path wants.
func (r *reader) isKind(n *yaml.Node, want yaml.Kind, path, wanted string) bool {
	if n.Kind != want {
		r.errorf(at(n), "%s must be %s, not %s", path, wanted, describe(n))
	}
	return n.Kind == want
}

func at(n *yaml.Node) place { return place{n.Line, n.Column} }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe names what was written, for "must be …, not …".
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "the alias " + quote("*"+n.Value) + " (aliases are not read: write the value out)"
	case n.Tag == "!!merge":
		return "a merge (<<)"
	case isNull(n):
		return "nothing"
	}
	return quote(n.Value)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
