// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"net/netip"
	"slices"
)

// classMSSShift is CLASS_MSS_SHIFT in bpf/abi.h.
const classMSSShift = 8

var everything = []netip.Prefix{
	netip.PrefixFrom(netip.IPv4Unspecified(), 0),
	netip.PrefixFrom(netip.IPv6Unspecified(), 0),
}

// compose works out the entry of the prefix table for each prefix at which what
// is known of addresses changes: own bits and rules, and those of the prefixes
// around it.
func compose(classes map[netip.Prefix]Class, rules *ruleLists) map[netip.Prefix]uint32 {
	type frame struct {
		prefix netip.Prefix
		word   uint32
	}
	entries := make(map[netip.Prefix]uint32, len(classes))
	var around []frame // the prefixes that contain the present one, outermost first
	for _, p := range nestingOrder(classes, rules) {
		for len(around) > 0 && !contains(around[len(around)-1].prefix, p) {
			around = around[:len(around)-1]
		}
		var outer uint32
		if len(around) > 0 {
			outer = around[len(around)-1].word
		}
		word := inherit(outer, classes[p]) | rules.headAt(p, outer)<<classMSSShift
		if word != outer {
			entries[p] = word
		}
		around = append(around, frame{p, word})
	}
	return entries
}

// inherit adds a prefix's own class to that of the prefix around it.
func inherit(outer uint32, own Class) uint32 {
	bits := outer & (1<<classMSSShift - 1)
	if own&NoException != 0 {
		bits &^= uint32(Exception)
	}
	return bits | uint32(own&^NoException)
}

// nestingOrder lists all prefixes so that each comes after those around it.
func nestingOrder(classes map[netip.Prefix]Class, rules *ruleLists) []netip.Prefix {
	all := slices.Clone(everything)
	for p := range classes {
		all = append(all, p)
	}
	for p := range rules.own {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return slices.Compact(all)
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}
