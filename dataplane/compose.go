// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"clearway/lpm"
)

// classIndexShift is CLASS_INDEX_SHIFT in bpf/abi.h.
const classIndexShift = 8

var everything = []netip.Prefix{
	netip.PrefixFrom(netip.IPv4Unspecified(), 0),
	netip.PrefixFrom(netip.IPv6Unspecified(), 0),
}

// composition are the entries of the prefix table: one for each prefix at which
// what is known of addresses changes. An entry holds own bits and rules, and
// those of the prefixes around it; that of a service address has its record in
// the place of rules.
type composition map[netip.Prefix]uint32

// known is what an entry of the prefix table is composed of.
type known struct {
	classes  map[netip.Prefix]Class
	rules    *ruleLists
	services map[netip.Prefix]uint32 // addresses of services: the index of their record
}

// prefixes calls yield for those at which something is known.
func (k known) prefixes(yield func(netip.Prefix) bool) {
	for _, all := range []iter.Seq[netip.Prefix]{maps.Keys(k.classes), maps.Keys(k.rules.heads), maps.Keys(k.services)} {
		for p := range all {
			if !yield(p) {
				return
			}
		}
	}
}

// word is the entry of a prefix; outer is that of the prefix around it.
func (k known) word(p netip.Prefix, outer uint32) uint32 {
	bits := inherit(outer, k.classes[p])
	if index, is := k.services[p]; is {
		return bits | uint32(pipelineClassBitCLASS_SERVICE) | index<<classIndexShift
	}
	return bits | k.rules.head(p, outer)<<classIndexShift
}

// edits are what makes the prefix table another one, and the way back.
type edits struct{ forth, back []lpm.Change }

// compose works out what makes a composition one of what is known. It takes less
// where changed tells of which prefixes classes or services differ, and the rules
// are the same; nil tells nothing.
func (have composition) compose(k known, changed []netip.Prefix) edits {
	type frame struct {
		prefix netip.Prefix
		word   uint32
	}
	var e edits
	var around []frame // the prefixes that contain the present one, outermost first
	for _, p := range have.affected(k, changed) {
		for len(around) > 0 && !contains(around[len(around)-1].prefix, p) {
			around = around[:len(around)-1]
		}
		var outer uint32
		if len(around) > 0 {
			outer = around[len(around)-1].word
		} else {
			outer = longest(have, p.Addr(), p.Bits()-1)
		}
		word := k.word(p, outer)
		e.add(have, p, word, word != outer)
		around = append(around, frame{p, word})
	}
	return e
}

// affected lists, each after those around it, the prefixes whose entry may
// change: those that have changed, and all inside them.
func (have composition) affected(k known, changed []netip.Prefix) []netip.Prefix {
	if changed == nil {
		all := slices.Concat(everything, slices.Collect(maps.Keys(have)))
		return nestingOrder(slices.AppendSeq(all, k.prefixes))
	}
	tops := outermost(changed)
	all := slices.Clone(changed)
	for p := range k.prefixes {
		if inside(tops, p) {
			all = append(all, p)
		}
	}
	return nestingOrder(all)
}

// longest finds the value of the longest prefix around an address that has at
// most so many bits; 0 if there is none.
func longest[M ~map[netip.Prefix]uint32](m M, a netip.Addr, bits int) uint32 {
	for ; bits >= 0 && len(m) > 0; bits-- {
		if value, ok := m[netip.PrefixFrom(a, bits).Masked()]; ok {
			return value
		}
	}
	return 0
}

func (e *edits) add(have composition, p netip.Prefix, word uint32, needed bool) {
	old, was := have[p]
	switch {
	case needed && (!was || old != word):
		e.forth = append(e.forth, lpm.Change{Prefix: p, Value: word})
	case !needed && was:
		e.forth = append(e.forth, lpm.Change{Prefix: p, Delete: true})
	default:
		return
	}
	e.back = append(e.back, lpm.Change{Prefix: p, Value: old, Delete: !was})
}

// added calls yield for the prefixes that come.
func (e edits) added(yield func(netip.Prefix) bool) {
	for _, c := range e.forth {
		if !c.Delete && !yield(c.Prefix) {
			return
		}
	}
}

// apply makes the edits.
func (have composition) apply(e edits) {
	for _, c := range e.forth {
		if c.Delete {
			delete(have, c.Prefix)
		} else {
			have[c.Prefix] = c.Value
		}
	}
}

// inherit adds a prefix's own class to that of the prefix around it.
func inherit(outer uint32, own Class) uint32 {
	bits := outer & (1<<classIndexShift - 1)
	if own&NoException != 0 {
		bits &^= uint32(Exception)
	}
	return bits | uint32(own&^NoException)
}

// changedPrefixes lists those of which something else is known. It is not nil.
func changedPrefixes[V comparable](before, after map[netip.Prefix]V) []netip.Prefix {
	changed := []netip.Prefix{}
	stayed := 0
	for p, v := range after {
		old, was := before[p]
		if was {
			stayed++
		}
		if !was || old != v {
			changed = append(changed, p)
		}
	}
	if stayed == len(before) {
		return changed
	}
	for p := range maps.Keys(before) {
		if _, stays := after[p]; !stays {
			changed = append(changed, p)
		}
	}
	return changed
}

// outermost leaves out prefixes inside others; what is left is in order.
func outermost(prefixes []netip.Prefix) []netip.Prefix {
	var tops []netip.Prefix
	for _, p := range nestingOrder(slices.Clone(prefixes)) {
		if len(tops) == 0 || !contains(tops[len(tops)-1], p) {
			tops = append(tops, p)
		}
	}
	return tops
}

// inside tells whether one of tops, which are outermost, contains p.
func inside(tops []netip.Prefix, p netip.Prefix) bool {
	after, found := slices.BinarySearchFunc(tops, p.Addr(), func(top netip.Prefix, a netip.Addr) int { return top.Addr().Compare(a) })
	if found {
		return contains(tops[after], p)
	}
	return after > 0 && contains(tops[after-1], p)
}

// nestingOrder sorts prefixes so that each comes after those around it, and once.
func nestingOrder(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return slices.Compact(all)
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}
